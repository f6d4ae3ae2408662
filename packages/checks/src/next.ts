/**
 * The route handler of the recipes inside Next.js: an empty project with the packages from their archives, a production build, and
 * turns on a scripted model that stream through the server, from the project and from a standalone output elsewhere. Build first.
 *
 *     npm run build && npm run check:next
 */
import { CodexHome, Gate, Item, Reply, ScriptedModel } from "@effect-codex/testing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { createInterface } from "node:readline"
import { output, pack } from "./pack.ts"
import { type Problem, report, root } from "./problem.ts"

const dependencies = ["effect@^4.1", "next@16.4.6", "react@19", "react-dom@19", "typescript@5.9.3", "@types/node@24"]

const example = join(root, "packages/examples/src/65_route_handler.ts")

/** The handler of the example, without the client that follows it there. */
const handler = (): string => {
  const [handler, client] = readFileSync(example, "utf8").split("\n// A client, ")
  if (handler === undefined || client === undefined) throw new Error(`${example} has no comment that begins the client`)
  return `${handler}\nexport const runtime = "nodejs"\n`
}

const compilerOptions = {
  module: "esnext",
  moduleResolution: "bundler",
  strict: true,
  noEmit: true,
  allowImportingTsExtensions: true,
  skipLibCheck: true
}

const files = (): Readonly<Record<string, string>> => ({
  "app/api/chat/route.ts": handler(),
  // The example imports it to run without an account.
  "app/api/chat/shared/ExamplePromises.ts": `import { Codex } from "effect-codex/promises"

export const start = () => Codex.start()
`,
  // The configuration that the recipe names.
  "next.config.js": `export default {
  output: "standalone",
  outputFileTracingIncludes: { "/api/chat": ["./node_modules/@openai/codex*/**/*"] }
}
`,
  "tsconfig.json": JSON.stringify({ compilerOptions, include: ["app"] })
})

/** Installs the packages in an empty project, and builds it. */
const build = async (directory: string): Promise<string> => {
  const [protocol, codex] = [await pack("protocol", directory), await pack("codex", directory)]
  const project = join(directory, "project")
  for (const [name, text] of Object.entries(files())) {
    mkdirSync(dirname(join(project, name)), { recursive: true })
    writeFileSync(join(project, name), text)
  }
  const overrides = { "@effect-codex/protocol": `file:${protocol.archive}` }
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module", overrides }))
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline"]
  await output(project, "npm", "install", ...quiet, codex.archive, ...dependencies)
  await output(project, "npx", "--no-install", "next", "build")
  return project
}

/** Starts a server that finds no codex on the PATH. `url` is what it prints. */
const serve = async (cwd: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv) => {
  const paths = { PATH: dirname(process.execPath), CODEX_PATH: "", PORT: "0" }
  const server = spawn(process.execPath, args, {
    cwd,
    env: { NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1", ...env, ...paths },
    stdio: ["ignore", "pipe", "inherit"]
  })
  const stop = async () => {
    server.kill()
    if (server.exitCode === null && server.signalCode === null) await once(server, "exit")
  }
  for await (const line of createInterface(server.stdout)) {
    const [url] = /http:\/\/localhost:\d+/.exec(line) ?? []
    if (url !== undefined) return { url, stop }
  }
  throw new Error(`${args.join(" ")} has ended`)
}

/** Asks a question, and returns the reader of the answer, which arrives while the turn runs. */
const ask = async (url: string, message: string) => {
  const response = await fetch(`${url}/api/chat`, { method: "POST", body: JSON.stringify({ message }) })
  if (response.body === null) throw new Error(`no body, status ${response.status}`)
  return response.body.pipeThrough(new TextDecoderStream()).getReader()
}

/** Reads an answer to its end. */
const restOf = async (answer: ReadableStreamDefaultReader<string>): Promise<string> => {
  let text = ""
  for (let chunk = await answer.read(); !chunk.done; chunk = await answer.read()) text += chunk.value
  return text
}

interface Server {
  readonly name: string
  readonly folder: string
  readonly args: ReadonlyArray<string>
}

const servers: ReadonlyArray<Server> = [
  { name: "next start", folder: "project", args: ["node_modules/next/dist/bin/next", "start"] },
  { name: "the standalone server", folder: "standalone", args: ["server.js"] }
]

/** Asks a server three questions: one is answered, one fails, and one is left. Returns what is not as it should be. */
const askThree = (directory: string, { args, folder, name }: Server): Promise<ReadonlyArray<Problem>> => {
  const between = Gate.makeUnsafe()
  const left = Gate.makeUnsafe()
  // The app-server leaves the model when a turn is interrupted.
  const untilLeft: Gate.Gate = { ...left, pass: Effect.onInterrupt(Effect.never, () => left.open) }
  const script: ScriptedModel.Script = {
    respond: ({ lastUserText }) =>
      lastUserText === "Fail."
        ? Reply.failed({ code: "context_length_exceeded", message: "This is too much." })
        : Reply.make([Item.message({ deltas: ["one ", lastUserText === "Wait." ? untilLeft : between, "two"] })])
  }
  const home = CodexHome.layer({ model: "gpt-5.5" }).pipe(
    Layer.provideMerge(ScriptedModel.layer(script)),
    Layer.provideMerge(NodeServices.layer)
  )
  const asking = async (env: NodeJS.ProcessEnv) => {
    const problems: Array<Problem> = []
    const expect = (what: string, found: string | undefined, expected: RegExp) => {
      if (expected.test(found ?? "")) return
      problems.push({ file: example, line: 1, message: `${name}: ${what} is ${found}` })
    }
    const { stop, url } = await serve(join(directory, folder), args, env)
    try {
      const answer = await ask(url, "Hello.")
      expect("the first line", (await answer.read()).value, /^\{"type":"text","text":"one "\}\n$/)
      await Effect.runPromise(between.open)
      expect(
        "the rest",
        await restOf(answer),
        /^\{"type":"text","text":"two"\}\n\{"type":"done","status":"completed"\}\n$/
      )
      expect("a failure", await restOf(await ask(url, "Fail.")), /^\{"type":"failed",.*"retry":false\}\n$/)
      const unread = await ask(url, "Wait.")
      await unread.read()
      await unread.cancel()
      await Effect.runPromise(Effect.timeout(left.pass, "20 seconds"))
    } finally {
      await stop()
    }
    return problems
  }
  const asked = CodexHome.CodexHome.use(({ env }) => Effect.promise(() => asking(env)))
  return Effect.runPromise(Effect.provide(asked, home))
}

const directory = mkdtempSync(join(tmpdir(), "effect-codex-next-"))
try {
  const project = await build(directory)
  renameSync(join(project, ".next", "standalone"), join(directory, "standalone"))
  const problems: Array<Problem> = []
  for (const server of servers) problems.push(...await askThree(directory, server))
  report("next", problems)
} finally {
  rmSync(directory, { recursive: true })
}
