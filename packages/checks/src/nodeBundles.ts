/**
 * The check of programs in one file, as the documentation makes them: with esbuild and rolldown, each as an ES and a CommonJS module,
 * and as an executable of Bun. Each runs a turn on the real binary.
 */
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { nodes, run, tool } from "./installed.ts"
import { type Problem, root } from "./problem.ts"

/** Prints the answer of a scripted model to a turn on the binary that it receives. `ws` in `@effect/platform-node` is CommonJS. */
const turn = `import { TestCodex } from "@effect-codex/testing"
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  console.log((yield* thread.run("It works.")).finalResponse)
})

program.pipe(
  Effect.provide(TestCodex.layer({ script: TestCodex.echo, client: { codexPath: process.argv[2] } })),
  Effect.runPromise
)
`

/** Uses the SDK alone. Prints that the binary was found, or the reason why not. */
const start = `import { Codex } from "effect-codex/promises"

Codex.start().then(
  (codex) => codex.close().then(() => console.log("The binary was found.")),
  (error) => console.log(error.message)
)
`

interface Bundler {
  /** The name of the output, without that of the program. */
  readonly output: string
  readonly command: (entry: string, file: string) => readonly [bundler: string, ...args: ReadonlyArray<string>]
}

/** An ES module of esbuild cannot `require` Node's modules, which CommonJS packages do. The name `createRequire` is taken. */
const require =
  `import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);`

const bundlers: ReadonlyArray<Bundler> = [
  ...(["esm", "cjs"] as const).flatMap((format): ReadonlyArray<Bundler> => {
    const extension = format === "esm" ? "mjs" : "cjs"
    return [
      {
        output: `esbuild.${extension}`,
        command: (entry, file) => [
          "esbuild",
          entry,
          "--bundle",
          "--platform=node",
          `--format=${format}`,
          ...(format === "esm" && entry.startsWith("turn") ? [`--banner:js=${require}`] : []),
          `--outfile=${file}`
        ]
      },
      {
        output: `rolldown.${extension}`,
        command: (entry, file) => ["rolldown", entry, "--platform", "node", "--format", format, "--file", file]
      }
    ]
  }),
  { output: "executable", command: (entry, file) => ["bun", "build", "--compile", entry, "--outfile", file] }
]

/** Bundles the programs, and runs them in a folder without installed packages, and next to those of the project. */
export const checkNodeBundles = async (project: string, directory: string): Promise<ReadonlyArray<Problem>> => {
  const node = join(tool("node", nodes[0]!), "bin", "node")
  writeFileSync(join(project, "turn.js"), turn)
  writeFileSync(join(project, "start.js"), start)
  writeFileSync(
    join(project, "binary.js"),
    `import { ProcessOptions } from "effect-codex"
     import * as Effect from "effect/Effect"
     console.log(Effect.runSync(ProcessOptions.command()).program)`
  )
  const binary = await run(project, node, ["binary.js"])
  if (typeof binary !== "string") return [binary]
  mkdirSync(directory)
  // The PATH contains nothing of this repository.
  const env = { PATH: dirname(node), CODEX_PATH: "", CODEX_HOME: directory }
  const problems: Array<Problem> = []

  const check = async (file: string, expected: string, ...args: ReadonlyArray<string>): Promise<void> => {
    const [program, ...own] = file.endsWith("js") ? [node, file] : [file]
    const result = await run(dirname(file), program, [...own, ...args], env)
    const output = typeof result === "string" ? result : result.message
    if (typeof result === "string" && output.includes(expected)) return
    problems.push({ file, line: 1, message: `does not print ${expected}:\n${output}` })
  }

  for (const { command, output } of bundlers) {
    for (const name of ["turn", "start"]) {
      const [bundler, ...args] = command(`${name}.js`, join(directory, `${name}.${output}`))
      const built = await run(project, join(root, "node_modules", ".bin", bundler), args)
      if (typeof built !== "string") return [built]
    }
    await check(join(directory, `turn.${output}`), "It works.", binary.trim())
    const started = join(directory, `start.${output}`)
    await check(started, "a bundle needs codexPath")
    // An executable of Bun cannot find installed packages.
    if (output === "executable") continue
    const beside = join(project, `start.${output}`)
    copyFileSync(started, beside)
    await check(beside, "The binary was found.")
  }
  return problems
}
