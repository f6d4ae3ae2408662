/**
 * The packages as npm would publish them: what they export is built, and a program that has installed them, and the peers
 * they name, compiles and runs. Build first.
 *
 *     npm run build && node packages/checks/src/published.ts
 */
import { execFileSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { type Problem, report, root } from "./problem.ts"

/** The condition under which the sources are used in this repository; nobody who installs a package sets it. */
const sourceCondition = "@effect-codex/source"

type Exports = Readonly<Record<string, string | null | Readonly<Record<string, string>>>>

interface Manifest {
  readonly name: string
  readonly exports: Exports
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

const readManifest = (directory: string): Manifest =>
  JSON.parse(readFileSync(join(directory, "package.json"), "utf8")) as Manifest

/** A program as a user writes it: the SDK on the package for tests. */
const program = `import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
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

const tsconfig = {
  compilerOptions: {
    target: "ES2023",
    module: "NodeNext",
    strict: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    types: [],
    rootDir: ".",
    outDir: "out"
  },
  files: ["program.mts"]
}

const check = (project: string): ReadonlyArray<Problem> => {
  const problems: Array<Problem> = []
  const modules = join(project, "node_modules")
  const run = (command: string, ...args: ReadonlyArray<string>): void => {
    try {
      execFileSync(command, args, { cwd: project, stdio: "pipe", encoding: "utf8", timeout: 120_000 })
    } catch (error) {
      const { stderr, stdout } = error as { readonly stderr: string; readonly stdout: string }
      problems.push({ file: join(project, "program.mts"), line: 1, message: `${command}\n${stdout}${stderr}` })
    }
  }

  const imports: Array<string> = []
  for (const folder of ["protocol", "codex", "testing"]) {
    const packed = join(root, "packages", folder)
    const problem = (message: string) => problems.push({ file: join(packed, "package.json"), line: 1, message })
    const { dependencies, exports, name, peerDependencies } = readManifest(packed)
    const installed = join(modules, name)
    install(packed, project, installed)

    for (const file of ["LICENSE", "README.md"]) {
      if (!existsSync(join(installed, file))) problem(`is packed without its ${file}`)
    }
    const hidden = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((file) => /(^|\/)\./.test(file))
    for (const file of hidden) problem(`is packed with ${file}`)
    const modulesOfPackage = readdirSync(join(installed, "src"), { encoding: "utf8" }).filter((file) =>
      file.endsWith(".ts")
    )
    for (const [path, target] of Object.entries(exports)) {
      if (target === null || typeof target === "string") continue
      for (const [condition, pattern] of Object.entries(target)) {
        if (condition === sourceCondition) continue
        for (const file of pattern.includes("*") ? modulesOfPackage : ["index.ts"]) {
          const built = pattern.replace("*", file.slice(0, -".ts".length))
          if (!built.startsWith("./dist/")) problem(`exports ${path} as ${built}, which is not built`)
          if (!existsSync(join(installed, built))) problem(`exports ${path} as ${built}, which is not packed`)
        }
      }
    }
    imports.push(...modulesOfPackage.map((file) => `${name}/${file.slice(0, -".ts".length)}`), name)

    // What a package may use: its dependencies, and the peers that it names.
    for (const dependency of Object.keys({ ...dependencies, ...peerDependencies })) {
      const link = join(modules, dependency)
      if (existsSync(link) || dependency.includes("effect-codex")) continue
      mkdirSync(dirname(link), { recursive: true })
      symlinkSync(join(root, "node_modules", dependency), link)
    }
  }

  writeFileSync(join(project, "package.json"), JSON.stringify({ type: "module" }))
  writeFileSync(join(project, "tsconfig.json"), JSON.stringify(tsconfig))
  writeFileSync(join(project, "program.mts"), program)
  run("tsc", "-p", ".")
  run(process.execPath, "out/program.mjs")
  run(
    process.execPath,
    "--input-type=module",
    "-e",
    imports.map((name) => `await import(${JSON.stringify(name)})`).join("\n")
  )
  return problems
}

/** Installs what `npm pack` makes of a package, without asking a registry. */
const install = (folder: string, project: string, target: string): void => {
  const options = { cwd: folder, encoding: "utf8" } as const
  const archive = execFileSync("npm", ["pack", "--silent", "--pack-destination", project], options).trim()
  mkdirSync(target, { recursive: true })
  execFileSync("tar", ["-xzf", join(project, archive), "--strip-components=1", "-C", target], options)
}

const project = mkdtempSync(join(tmpdir(), "effect-codex-published-"))
try {
  report("published", check(project))
} finally {
  rmSync(project, { recursive: true })
}
