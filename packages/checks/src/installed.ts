/**
 * A test project that installs the packages from their archives, with the peers that the README names and nothing else. It is
 * compiled and run with several versions of TypeScript and Node.
 */
import { execFile, type ExecFileException } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, join } from "node:path"
import { promisify } from "node:util"
import { type Problem, root } from "./problem.ts"

/** The oldest supported Node, and one version of each later line. */
export const nodes = ["22.19.0", "24.21.0", "26.10.0"]

const newest = "7.0.2"

const typescripts = ["5.9.3", newest]

/** The required peer of `effect-codex`, and the packages that the README tells users to install. */
const peer = "effect@^4.1"
const peers = [peer, "@effect/platform-node@^4.1"]

/** The archives of the packages, by their folders. */
export type Archives = Readonly<Record<Folder, string>>

/** The published packages, from the lowest layer up. */
export const folders = ["protocol", "codex", "recording", "testing", "ai", "platform", "cluster", "cli"] as const

export type Folder = (typeof folders)[number]

/** Runs a program to its end. Returns its output, or a problem with the output if it fails. */
export const run = async (
  cwd: string,
  command: string,
  args: ReadonlyArray<string>,
  env: NodeJS.ProcessEnv = {}
): Promise<string | Problem> => {
  // `npm run` sets this variable to the root of this repository; the npm that runs here must find its own project.
  const { npm_config_local_prefix: _, ...inherited } = process.env
  try {
    const { stdout } = await promisify(execFile)(command, args, {
      cwd,
      env: { ...inherited, ...env },
      encoding: "utf8",
      timeout: 180_000,
      maxBuffer: 2 ** 26
    })
    return stdout
  } catch (error) {
    const { message, stderr, stdout } = error as ExecFileException
    return { file: join(cwd, "package.json"), line: 1, message: `${message}\n${stdout}\n${stderr}` }
  }
}

const install = async (project: string, ...specs: ReadonlyArray<string>): Promise<void> => {
  const quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--prefer-offline"]
  const result = await run(project, "npm", ["install", ...quiet, ...specs])
  if (typeof result !== "string") throw new Error(result.message)
}

/** Returns the name of the package with Node's binary for this platform, as the package `node` names it. */
const nodePackage = (): string => {
  const platform = process.platform === "win32" ? "win" : process.platform
  return `${platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node"}-${platform}-${process.arch}`
}

const tools = join(root, "node_modules", ".cache", "effect-codex", "published")

/** A version of a tool that {@link installTools} has installed. */
export const tool = (name: string, version: string): string => join(tools, "node_modules", `${name}-${version}`)

/** Installs the tools from npm once, outside this repository, where a second `typescript` would take over `tsc`. */
export const installTools = async (): Promise<void> => {
  const specs = [
    ...nodes.map((version) => `node-${version}@npm:${nodePackage()}@${version}`),
    ...typescripts.map((version) => `typescript-${version}@npm:typescript@${version}`)
  ]
  const stamp = join(tools, "installed.json")
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === JSON.stringify(specs)) return
  mkdirSync(tools, { recursive: true })
  writeFileSync(join(tools, "package.json"), JSON.stringify({ private: true }))
  await install(tools, ...specs)
  writeFileSync(stamp, JSON.stringify(specs))
}

/** Installs the SDK alone. `@effect-codex/protocol` is installed as a dependency, as it would be from npm. */
export const installSdk = async (project: string, archives: Archives): Promise<void> => {
  const overrides = { "@effect-codex/protocol": `file:${archives.protocol}` }
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module", overrides }))
  await install(project, archives.codex, peer)
}

/** Installs all packages instead. */
export const installAll = async (project: string, archives: Archives): Promise<void> => {
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }))
  await install(project, ...folders.map((folder) => archives[folder]), ...peers)
}

/** A program that starts the process, performs the handshake, and ends. It needs no account. */
export const sdkProgram = `import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  if (codex.metadata.serverVersion === undefined) return yield* Effect.die("No version")
})

await program.pipe(Effect.provide(Codex.layer()), Effect.runPromise)
`

/** A program that runs a turn on the real binary and a scripted model. */
export const testingProgram = `import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Protocol } from "@effect-codex/protocol"
import { TestCodex } from "@effect-codex/testing"
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const { finalResponse } = yield* thread.run("It works.")
  if (finalResponse !== "It works." || !Schema.isSchema(Protocol.Thread)) return yield* Effect.die(finalResponse)
})

program.pipe(Effect.provide(TestCodex.layer({ script: TestCodex.echo })), NodeRuntime.runMain)
`

/** The module resolutions: Node's, and that of bundlers. */
const resolutions = {
  node: { module: "NodeNext", outDir: "out" },
  bundler: { module: "ESNext", moduleResolution: "Bundler", outDir: "out-bundler" }
} as const

/**
 * The compiler options. `lib` keeps its default, which includes the types of the DOM: Effect's declarations use them
 * (`ReadableStream`, `JsonWebKey`), so that without them only `skipLibCheck: true` passes. Ours do not use them.
 */
const compilerOptions = {
  target: "ES2023",
  strict: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: false,
  types: [],
  rootDir: "."
}

const typeCheck = (project: string, resolution: keyof typeof resolutions, version: string) => {
  const config = `tsconfig.${resolution}.${version}.json`
  writeFileSync(
    join(project, config),
    JSON.stringify({
      compilerOptions: { ...compilerOptions, ...resolutions[resolution] },
      files: ["program.ts", "modules.ts"]
    })
  )
  return run(project, process.execPath, [join(tool("typescript", version), "bin", "tsc"), "-p", config])
}

/**
 * Compiles a program and all modules to `out/program.js` and `out/modules.js`. `"quick"` uses one version of TypeScript and one
 * resolution instead of all.
 */
export const compile = async (
  project: string,
  program: string,
  modules: ReadonlyArray<string>,
  how: "quick" | "everywhere"
): Promise<ReadonlyArray<Problem>> => {
  writeFileSync(join(project, "program.ts"), program)
  writeFileSync(join(project, "modules.ts"), modules.map((module) => `import "${module}"\n`).join(""))
  const results = how === "quick"
    ? [await typeCheck(project, "node", newest)]
    : await Promise.all(
      typescripts.flatMap((version) => [typeCheck(project, "node", version), typeCheck(project, "bundler", version)])
    )
  return results.filter((result) => typeof result !== "string")
}

/** A command, and a text that its output must contain. */
export type Command = readonly [command: string, args: ReadonlyArray<string>, contains: string]

/** The other runtimes, as this repository installs them. */
const runtimes = [["bun", "run"], ["deno", "run", "--allow-all"]] as const

/** Runs the compiled files, which print nothing, on each runtime, and then the commands on each version of Node. */
export const execute = async (
  project: string,
  ...commands: ReadonlyArray<Command>
): Promise<ReadonlyArray<Problem>> => {
  const problems: Array<Problem> = []
  const compiled = ["out/program.js", "out/modules.js"].map((file): Command => ["node", [file], ""])
  for (const node of nodes) {
    const env = { CODEX_HOME: project, PATH: `${join(tool("node", node), "bin")}${delimiter}${process.env["PATH"]}` }
    for (const [command, args, contains] of [["node", ["--version"], `v${node}`] as const, ...compiled, ...commands]) {
      const result = await run(project, command, args, env)
      const output = typeof result === "string" ? result : result.message
      if (typeof result === "string" && (contains === "" ? output === "" : output.includes(contains))) continue
      const message = `${[command, ...args].join(" ")} on Node ${node}:\n${output}`
      problems.push({ file: join(project, "package.json"), line: 1, message })
    }
  }
  for (const [name, ...options] of runtimes) {
    for (const [, files] of compiled) {
      const program = join(root, "node_modules", ".bin", name)
      const result = await run(project, program, [...options, ...files], { CODEX_HOME: project })
      if (result === "") continue
      const message = `${files.join(" ")} on ${name}:\n${typeof result === "string" ? result : result.message}`
      problems.push({ file: join(project, "package.json"), line: 1, message })
    }
  }
  return problems
}

/** Checks that every dependency is installed, in a version that its dependents allow. */
export const isComplete = async (project: string): Promise<ReadonlyArray<Problem>> => {
  const result = await run(project, "npm", ["ls", "--all"])
  return typeof result === "string" ? [] : [result]
}
