/**
 * Facts about the server's machine, read once when a layer is built: one command, in the sandbox of the layer.
 */
import type * as CodexClient from "effect-codex/CodexClient"
import * as Effect from "effect/Effect"
import { type CodexPlatformError, requestFailed, unsupported } from "../model/CodexPlatformError.ts"
import { type Sandbox, toParams } from "../model/Sandbox.ts"

/** Facts about a Unix machine. */
export interface Facts {
  /** The working directory of the server, which relative paths start from by default. */
  readonly cwd: string
  /** The directory for temporary files. */
  readonly temporary: string
  /** The path of perl, if there is one. */
  readonly perl: string | undefined
  /** The path of `setsid`, if there is one. */
  readonly setsid: string | undefined
  /** The names of the server's environment variables. */
  readonly variables: ReadonlyArray<string>
  /** The tools that the shell helper needs and does not find. */
  readonly missing: ReadonlyArray<string>
}

/** The tools that the shell helper needs beyond POSIX, each with a command that succeeds if the tool supports it. */
const tools: ReadonlyArray<readonly [name: string, test: string]> = [
  ["GNU stat", "stat -c %.9X /"],
  ["GNU find", "find / -maxdepth 0 -printf x"],
  ["GNU dd", "dd if=/dev/null iflag=skip_bytes oflag=seek_bytes status=none"],
  ["GNU realpath", "realpath -e -z /"],
  ["GNU cp", "cp -T --version"],
  ["base64", "base64 -d </dev/null"],
  ["mktemp", "mktemp -u"],
  ["truncate", "command -v truncate"]
]

const script = (withTools: boolean) => `
echo "perl $(command -v perl)"
echo "setsid $(command -v setsid)"
echo "tmp \${TMPDIR:-\${TMP:-\${TEMP:-/tmp}}}"
${withTools ? tools.map(([name, test]) => `${test} >/dev/null 2>&1 || echo "missing ${name}"`).join("\n") : ""}
env | sed -n 's/^\\([A-Za-z_][A-Za-z0-9_]*\\)=.*/env \\1/p'
printf 'cwd %s' "$(pwd)"
`

const parse = (text: string): Facts => {
  const at = text.indexOf("\ncwd ")
  const lines = text.slice(0, at).split("\n")
  const valuesOf = (key: string) =>
    lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1)).filter((value) =>
      value !== ""
    )
  const temporary = valuesOf("tmp")[0] ?? "/tmp"
  return {
    cwd: text.slice(at + "\ncwd ".length),
    temporary: temporary.length > 1 && temporary.endsWith("/") ? temporary.slice(0, -1) : temporary,
    perl: valuesOf("perl").find((path) => path.startsWith("/")),
    setsid: valuesOf("setsid").find((path) => path.startsWith("/")),
    variables: valuesOf("env"),
    missing: valuesOf("missing")
  }
}

/** Reads the facts of the machine. `withTools` also checks the tools that the shell helper needs. */
export const read = (
  client: CodexClient.CodexClient["Service"],
  sandbox: Sandbox,
  withTools: boolean
): Effect.Effect<Facts, CodexPlatformError> =>
  client.request("command/exec", {
    ...toParams(sandbox === "none" ? { type: "dangerFullAccess" } : sandbox),
    command: ["/bin/sh", "-c", script(withTools)],
    env: { LC_ALL: "C" }
  }).pipe(
    Effect.mapError((error) =>
      error._tag === "CodexRpcError" && /experimentalApi/.test(error.serverMessage)
        ? unsupported("a sandbox by permission profile", "the client option experimentalApi", error)
        : requestFailed(error)
    ),
    Effect.flatMap(({ exitCode, stderr, stdout }) =>
      exitCode === 0 && stdout.includes("\ncwd ")
        ? Effect.succeed(parse(stdout))
        : Effect.fail(unsupported(
          "files and processes",
          `a POSIX shell that runs in this sandbox; /bin/sh exited with ${exitCode}: ${stderr.trim().slice(0, 300)}`
        ))
    )
  )
