/**
 * The imports benchmark: the time to import the SDK, relative to the Effect modules that any program of this kind
 * imports.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath, pathToFileURL } from "node:url"
import { type Goal, median, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"

/** Imports of types alone load nothing. */
const specifiers = /^(?:import|export) (?!type )[^"]*?from "([^"]+)"/gm

/** Lists the modules outside this repository that a module imports, directly or indirectly. */
const foreign = (module: string, seen = new Set<string>(), found = new Set<string>()): ReadonlySet<string> => {
  if (seen.has(module)) return found
  seen.add(module)
  const source = Fs.readFileSync(fileURLToPath(module), "utf8")
  for (const [, specifier = ""] of source.matchAll(specifiers)) {
    if (specifier.startsWith(".")) foreign(new URL(specifier, module).href, seen, found)
    else if (specifier.startsWith("#")) {
      foreign(pathToFileURL(createRequire(module).resolve(specifier)).href, seen, found)
    } else if (specifier.startsWith("@effect-codex/")) foreign(import.meta.resolve(specifier), seen, found)
    else if (!specifier.startsWith("node:")) found.add(specifier)
  }
  return found
}

const measure = (...specifiers: ReadonlyArray<string>) => Script.run<number>("imports", specifiers)

/** The modules that a program on Effect imports in any case. */
const base = ["effect/Effect", "effect/Stream", "effect/Layer", "effect/Schema"]

export const run = Effect.fnUntraced(function*(quick: boolean) {
  const modules = Array.from(foreign(import.meta.resolve("effect-codex")))
  const rounds = yield* Effect.replicateEffect(
    Effect.all({ four: measure(...base), own: measure(...modules), sdk: measure("effect-codex") }),
    quick ? 3 : 15
  )
  const row = (name: string, key: keyof typeof rounds[number], goal?: Goal): Row => ({
    section: "import",
    name,
    unit: "ms",
    value: summary(rounds.map((round) => round[key])),
    ratio: { median: median(rounds.map((round) => round[key] / round.four)), goal }
  })
  return [
    row("Effect, Stream, Layer and Schema", "four"),
    row(`the ${modules.length} Effect modules that it uses`, "own"),
    row("effect-codex", "sdk", { atMost: 1.15, goal: 1.05 })
  ]
})

/** Measures what the import of a module takes after that of the foreign modules that it uses, and after that of the SDK. */
export const added = Effect.fnUntraced(function*(quick: boolean, module: string) {
  const modules = Array.from(foreign(import.meta.resolve(module)))
  const rounds = yield* Effect.replicateEffect(
    Effect.all({
      own: measure(...modules),
      all: measure(module),
      sdk: measure("effect-codex"),
      both: measure("effect-codex", module)
    }),
    quick ? 3 : 9
  )
  const section = `import of ${module.split("/").at(-1)}`
  const row = (name: string, values: ReadonlyArray<number>, atMost?: number): Row => ({
    section,
    name,
    unit: "ms",
    value: { median: median(values) },
    goal: atMost === undefined ? undefined : { atMost }
  })
  return [
    row(`the ${modules.length} Effect modules that it uses`, rounds.map(({ own }) => own)),
    row("with them", rounds.map(({ all }) => all)),
    row("added to them", rounds.map(({ all, own }) => all - own), 80),
    row("added to effect-codex", rounds.map(({ both, sdk }) => both - sdk))
  ]
})
