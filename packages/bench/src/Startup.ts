/**
 * The start-up benchmark: whole programs that run one turn on the real binary, from the start of Node to the end of the process, as
 * they are and in a bundle, with and without Node's compile cache.
 */
import * as CodexHome from "@effect-codex/testing/CodexHome"
import * as ScriptedModel from "@effect-codex/testing/ScriptedModel"
import * as TestCodex from "@effect-codex/testing/TestCodex"
import * as ProcessOptions from "effect-codex/ProcessOptions"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as Path from "effect/Path"
import * as ChildProcess from "effect/process/ChildProcess"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { rolldown } from "rolldown"
import { type Goal, median, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"

interface Program {
  readonly name: string
  readonly script: "plain" | "openai" | "effectCodex" | "promises"
  readonly isBundled?: boolean
  readonly isCached?: boolean
  readonly goal?: Goal
}

/** The programs. Ratios are those to the first one. */
const programs: ReadonlyArray<Program> = [
  { name: "@openai/codex-sdk", script: "openai" },
  { name: "plain promise client", script: "plain" },
  { name: "effect-codex", script: "effectCodex", goal: { atMost: 1.6, goal: 1.45 } },
  { name: "effect-codex/promises", script: "promises" },
  { name: "effect-codex, compile cache", script: "effectCodex", isCached: true },
  { name: "effect-codex, in a bundle", script: "effectCodex", isBundled: true, goal: { atMost: 1, goal: 0.92 } },
  { name: "effect-codex/promises, in a bundle", script: "promises", isBundled: true },
  { name: "effect-codex, in a bundle, compile cache", script: "effectCodex", isBundled: true, isCached: true }
]

/** Bundles a script for Node, as a program would be for production. Returns the file. */
const bundle = (script: string, directory: string) =>
  Effect.promise(async () => {
    const file = `${directory}/${script}.mjs`
    const built = await rolldown({
      input: Script.path(`startup/${script}`),
      platform: "node",
      resolve: { conditionNames: ["module", "node", "import", "default"] }
    })
    await built.write({ file, format: "esm", minify: true })
    await built.close()
    return file
  })

export const run = Effect.fnUntraced(
  function*(quick: boolean) {
    const home = yield* CodexHome.CodexHome
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const spawner = yield* ChildProcessSpawner
    const { program: binary } = yield* ProcessOptions.command()
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-startup-" })
    const bundles = {
      effectCodex: yield* bundle("effectCodex", directory),
      promises: yield* bundle("promises", directory)
    }

    /** Runs a program, and returns the milliseconds until its end. */
    const measure = ({ isBundled, isCached, script }: Program) => {
      const file = isBundled === true && (script === "effectCodex" || script === "promises")
        ? bundles[script]
        : Script.path(`startup/${script}`)
      const cache: Record<string, string> = isCached === true
        ? { NODE_COMPILE_CACHE: path.join(directory, "cache") }
        : { NODE_DISABLE_COMPILE_CACHE: "1" }
      return Effect.map(
        Effect.timed(spawner.string(ChildProcess.make(process.execPath, [file, binary, home.workspace], {
          stderr: "inherit",
          env: { ...home.env, ...cache },
          extendEnv: true
        }))),
        ([duration]) => Duration.toMillis(duration)
      )
    }
    const round = Effect.forEach(programs, measure)
    // The first round warms up, and fills the compile cache.
    yield* round
    const rounds = yield* Effect.replicateEffect(round, quick ? 3 : 15)
    return programs.map(({ goal, name }, index): Row => ({
      section: "real binary: one turn, from the start of Node to its end",
      name,
      unit: "ms",
      value: summary(rounds.map((times) => times[index]!)),
      ratio: { median: median(rounds.map((times) => times[index]! / times[0]!)), goal }
    }))
  },
  Effect.scoped,
  Effect.provide(CodexHome.layer().pipe(Layer.provide(ScriptedModel.layer(TestCodex.echo))))
)
