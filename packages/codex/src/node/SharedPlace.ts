/**
 * The place of a shared server: its private directory, the names of its files, and the command that starts it.
 *
 * The names come from everything that programs have to agree on. Other users can see the path of the socket in the list of
 * processes, so the digest in it is keyed: without the key, which is in the private directory, it reveals nothing of a secret.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { printable } from "../base/printable.ts"
import { type Hide, hiding } from "../base/secrets.ts"
import { CodexConnectError, type InvalidInputError } from "../model/errors/CodexError.ts"
import { childProcess, nodeCrypto } from "./builtin.ts"
import { checkCwd, spawnError } from "./ChildProcess.ts"
import { type Command, commandOn } from "./Command.ts"
import { codeOf } from "./errno.ts"
import * as files from "./privateFiles.ts"
import { identify } from "./processes.ts"
import type { SharedOptions } from "./SharedOptions.ts"
import { secretsOf } from "./Stdio.ts"

export interface SharedPlace {
  readonly socket: string
  /** The standard error of the server. */
  readonly log: string
  /** The process that serves, or served. */
  readonly record: string
  readonly lock: string
  /** Starts the server. Its working directory is empty. */
  readonly command: Command
  /** The version of the server. */
  readonly version: string
  readonly secrets: ReadonlyArray<string>
  readonly hide: Hide
}

/** The longest path of a socket: what the operating system has room for, without the NUL at its end. */
const maxSocket = process.platform === "linux" ? 107 : 103

/** The time limit for the binary to print its version. */
const versionMillis = 10_000

const badDirectory = (target: string, detail: string) =>
  new CodexConnectError({ reason: { _tag: "BadDirectory", detail }, target })

/** The error of an action on files that the operating system has refused. */
export const fileError = (target: string, what: string, error: unknown): CodexConnectError =>
  badDirectory(target, `${what} (${codeOf(error) ?? String(error)})`)

/** Runs an action on files. Fails with the reason if the operating system refuses it. */
export const onFiles = <A>(target: string, what: string, action: () => A): Effect.Effect<A, CodexConnectError> =>
  Effect.try({ try: action, catch: (error) => fileError(target, what, error) })

const unsupported = (detail: string): CodexConnectError =>
  new CodexConnectError({ reason: { _tag: "Other", detail }, target: "codex app-server" })

/** Fails unless the operating system has Unix sockets and signals as the shared server needs them, and shows which processes run. */
const supported: Effect.Effect<void, CodexConnectError> = Effect.suspend(() => {
  if (process.platform === "win32") {
    return Effect.fail(unsupported(
      "the shared server needs Unix sockets and signals, which Windows does not have; start a server with "
        + "`codex app-server --listen ws://127.0.0.1:PORT` and connect with Codex.layerWebSocket"
    ))
  }
  // Every other process would seem to have ended, and its lock to be free.
  return identify(process.pid) !== undefined ? Effect.void : Effect.fail(unsupported(
    "the shared server needs to know which processes run, and this program may not see that; "
      + "start it with --allow-all on Deno, and with /proc mounted on Linux"
  ))
})

/** Resolves options to the place of their server, and creates its directory. Relative paths are relative to `directory`. */
export const resolve = Effect.fnUntraced(function*(
  options: SharedOptions,
  directory: string
): Effect.fn.Return<SharedPlace, CodexConnectError | InvalidInputError> {
  yield* supported
  const { codexHome, codexPath, config, env, envMode } = options
  const command = yield* commandOn("", { codexHome, codexPath, config, env, envMode }, directory)
  yield* checkCwd({ ...command, cwd: Path.resolve(directory, options.cwd ?? "") })
  const secrets = secretsOf(options)
  const hide = hiding(secrets)

  const home = yield* homeOf(command)
  const own = Path.join(home, "effect-codex")
  yield* secure(own)
  const version = yield* versionOf(command, hide)
  const key = yield* onFiles(own, unusable, () => keyIn(own))
  const sockets = options.socketDirectory === undefined
    ? fits(Path.join(own, socketName("0".repeat(nameLength)))) ? own : temporary(home)
    : Path.resolve(directory, options.socketDirectory)
  if (sockets !== own) yield* secure(sockets)
  // Everything that the programs must agree on. On a home that machines share, each has a server of its own.
  const identity = [
    process.platform === "linux" ? Os.hostname() : "",
    home,
    // A server that listens elsewhere is another one: it must not be taken for this one without a socket.
    sockets === own ? null : yield* onFiles(sockets, unusable, () => Fs.realpathSync(sockets)),
    version,
    command.args.toSorted(),
    envMode ?? "extend",
    Object.entries(env ?? {}).filter(([name]) => name !== "CODEX_HOME").map(([name, value]) => [
      name,
      Redacted.isRedacted(value) ? Redacted.value(value) : value ?? null
    ]).sort(([a], [b]) => String(a) < String(b) ? -1 : 1)
  ]
  const name = nodeCrypto().createHmac("sha256", key).update(JSON.stringify(identity)).digest("hex").slice(
    0,
    nameLength
  )
  const socket = Path.join(sockets, socketName(name))
  if (!fits(socket)) {
    return yield* badDirectory(
      sockets,
      `the path of the socket would have ${
        Buffer.byteLength(socket)
      } bytes, but at most ${maxSocket} are possible; set `
        + "`socketDirectory` to a shorter path"
    )
  }
  const empty = Path.join(own, "empty")
  yield* onFiles(own, unusable, () => Fs.mkdirSync(empty, { recursive: true }))
  const path = (extension: string) => Path.join(own, `${name}.${extension}`)
  return {
    socket,
    log: path("log"),
    record: path("json"),
    lock: path("lock"),
    command: { ...command, cwd: empty, args: [...command.args.slice(0, -1), `unix://${socket}`] },
    version,
    secrets,
    hide
  }
})

const unusable = "the directory of the shared server cannot be used"

/** Creates a directory that is missing, and fails unless it is closed to other users. */
const secure = (directory: string): Effect.Effect<void, CodexConnectError> =>
  Effect.flatMap(onFiles(directory, unusable, () => files.publicity(directory)), (problem) =>
    problem === undefined
      ? Effect.void
      : Effect.fail(badDirectory(directory, `the directory of the shared server is not private: ${problem}`)))

const nameLength = 16

const socketName = (name: string): string => `${name}.sock`

const fits = (socket: string): boolean => Buffer.byteLength(socket) <= maxSocket

/** The directory of the sockets of a home whose path is too long for them. */
const temporary = (home: string): string =>
  Path.join(
    Os.tmpdir(),
    `effect-codex-${process.getuid?.()}-${nodeCrypto().createHash("sha256").update(home).digest("hex").slice(0, 16)}`
  )

/** Returns the CODEX_HOME of a command without symbolic links, and creates it if it is missing. */
const homeOf = ({ env }: Command): Effect.Effect<string, CodexConnectError> => {
  // Without HOME, a user whom the system does not know has none.
  const given = env["CODEX_HOME"] || (env["HOME"] && Path.join(env["HOME"], ".codex"))
  return onFiles(given || "~/.codex", "codexHome cannot be created", () => {
    const path = given || Path.join(Os.homedir(), ".codex")
    Fs.mkdirSync(path, { recursive: true, mode: 0o700 })
    return Fs.realpathSync(path)
  })
}

/** Returns the key of the digests in a private directory. The first program creates it. */
const keyIn = (directory: string): string => {
  const path = Path.join(directory, "key")
  const before = files.read(path)
  if (before !== undefined) return before
  const key = nodeCrypto().randomBytes(32).toString("hex")
  return files.create(path, key) ? key : files.read(path) ?? key
}

/** Asks the binary for its version. */
const versionOf = (command: Command, hide: Hide): Effect.Effect<string, CodexConnectError> =>
  Effect.callback((resume) => {
    const child = childProcess().execFile(
      command.program,
      ["--version"],
      { env: command.env, timeout: versionMillis, windowsHide: true },
      (error, stdout, stderr) => {
        const found = /\d+\.\d+\.\d+[^\s]*/.exec(stdout)?.[0]
        if (error === null && found !== undefined) return resume(Effect.succeed(found))
        if (typeof error?.code === "string") {
          return resume(Effect.fail(spawnError(command, { ...error, code: error.code })))
        }
        const said = printable(hide(stderr)).trim()
        resume(Effect.fail(
          new CodexConnectError({
            reason: { _tag: "Other", detail: "`--version` does not print the version of the server", stderr: said },
            target: command.program
          })
        ))
      }
    )
    return Effect.sync(() => child.kill())
  })
