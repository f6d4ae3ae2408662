/**
 * Imports run downwards only: between the packages, and between the modules of `packages/codex/src`.
 *
 *     node packages/checks/src/layers.ts
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { builtinModules } from "node:module"
import { dirname, join, relative } from "node:path"
import { type Problem, report, root } from "./problem.ts"
import { filesBelow, readSource, type Source } from "./source.ts"

/** The packages, from the ground up. One may depend on those in the rows above its own. */
const packages = [
  ["protocol"],
  ["codex"],
  ["testing"],
  ["bench", "examples"],
  ["checks"]
]

/**
 * The modules of `packages/codex/src`, from the ground up: the order of the design. One may import, also as a type, those
 * in the rows above its own. A directory may stand for its modules, as `internal/x/*`. A new module gets its place here.
 */
const modules = [
  [
    "internal/version",
    "internal/ServerVersion",
    "internal/Metadata",
    "internal/Refusal",
    "internal/EventLog",
    "internal/ThreadGate",
    "internal/issue",
    "internal/definitions",
    "internal/Deadlines",
    "internal/Readable"
  ],
  ["Notification"],
  ["TurnResult", "internal/bounds"],
  ["CodexError"],
  ["ServerRequests", "Recording", "internal/Binary", "internal/ConfigOverrides"],
  ["CodexConfig"],
  ["internal/ChildProcess", "internal/Telemetry"],
  ["Transport"],
  ["internal/TurnQueue"],
  ["Router"],
  ["internal/Answering", "internal/RoundTrip", "internal/TurnStarts", "internal/GoalTurns"],
  ["internal/Session"],
  ["CodexClient"],
  ["ApprovalMode", "Input", "Output", "Sandbox", "Tools"],
  ["Options"],
  ["Turn"],
  ["Goal", "Login"],
  ["Thread"],
  ["Codex"],
  ["index"],
  // The timeline: below the index, so that the SDK can't come to load it.
  ["internal/timeline/browser/Timeline", "internal/timeline/style"],
  ["internal/timeline/browser/dom", "internal/timeline/Model", "internal/timeline/Page"],
  ["internal/timeline/browser/Store"],
  ["internal/timeline/browser/View"],
  ["internal/timeline/browser/Paint"],
  ["internal/timeline/browser/Chart", "internal/timeline/browser/Details", "internal/timeline/browser/EventList"],
  ["internal/timeline/browser/main"],
  ["Timeline"],
  ["cli/Timeline"],
  ["cli/main"]
]

type Order = ReadonlyArray<ReadonlyArray<string>>

const levels = (order: Order): ReadonlyMap<string, number> =>
  new Map(order.flatMap((names, level) => names.map((name) => [name, level] as const)))

/** What is wrong between the modules of one package. */
export const checkModules = (src: string, order: Order = modules): ReadonlyArray<Problem> => {
  const levelOf = levels(order)
  /** The entry of the list that a module belongs to. */
  const entryOf = (name: string): string | undefined =>
    levelOf.has(name)
      ? name
      : [...levelOf.keys()].find((entry) => entry.endsWith("/*") && name.startsWith(entry.slice(0, -1)))
  const files = filesBelow(src)
  const names = files.map((path) => path.slice(0, -".ts".length))
  const entries = new Set(names.map(entryOf))
  const missing = [...levelOf.keys()].filter((entry) => !entries.has(entry)).map((entry): Problem => ({
    file: join(src, `${entry}.ts`),
    line: 1,
    message: "does not exist, but has a place in packages/checks/src/layers.ts"
  }))
  return missing.concat(names.flatMap((name) => {
    const { file, imports } = readSource(join(src, `${name}.ts`))
    const entry = entryOf(name)
    if (entry === undefined) {
      return [{ file, line: 1, message: "has no place yet: give it one in packages/checks/src/layers.ts" }]
    }
    return imports.filter(({ specifier }) => specifier.startsWith(".")).flatMap(({ line, specifier }) => {
      const target = relative(src, join(dirname(file), specifier)).replaceAll("\\", "/").replace(/\.ts$/, "")
      const below = entryOf(target)
      const isBelow = below === undefined || (below === entry && entry.endsWith("/*"))
        || levelOf.get(below)! < levelOf.get(entry)!
      return isBelow ? [] : [{ file, line, message: `${name} imports ${target}, which is not below it` }]
    })
  }))
}

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** The package that a specifier names; undefined for files and for what Node brings. */
const packageOf = (specifier: string): string | undefined => {
  if (specifier.startsWith(".") || specifier.startsWith("node:") || builtinModules.includes(specifier)) return undefined
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")
}

/** Packages whose entry point loads all of them: a module of ours imports what it uses, and nothing else. */
const barrels = new Set([
  "effect",
  "@effect/platform-node",
  "@effect-codex/protocol",
  "@effect-codex/testing",
  "effect-codex"
])

/** What is wrong between the packages of a workspace. */
export const checkPackages = (directory: string, order: Order = packages): ReadonlyArray<Problem> => {
  const levelOf = levels(order)
  const manifestOf = (folder: string): Manifest =>
    JSON.parse(readFileSync(join(directory, folder, "package.json"), "utf8")) as Manifest
  const folders = readdirSync(directory).filter((folder) => existsSync(join(directory, folder, "package.json"))).sort()
  const levelOfPackage = new Map(folders.map((folder) => [manifestOf(folder).name, levelOf.get(folder)]))

  return folders.flatMap((folder) => {
    const manifest = manifestOf(folder)
    const level = levelOf.get(folder)
    const at = join(directory, folder, "package.json")
    if (level === undefined) {
      return [{ file: at, line: 1, message: "has no place yet: give it one in packages/checks/src/layers.ts" }]
    }
    const isBelow = (name: string) => (levelOfPackage.get(name) ?? -1) < level
    const needed = { ...manifest.dependencies, ...manifest.peerDependencies }
    const declared = Object.keys(needed).filter((name) => !isBelow(name)).map((name): Problem => ({
      file: at,
      line: 1,
      message: `${manifest.name} depends on ${name}, which is not below it`
    }))

    const imported = ({ file, imports }: Source): ReadonlyArray<Problem> =>
      imports.flatMap(({ line, specifier }) => {
        const name = packageOf(specifier)
        if (name === undefined || name === manifest.name) return []
        if (!isBelow(name)) return [{ file, line, message: `imports ${name}, which is not below ${manifest.name}` }]
        if (manifest.private === true) return []
        if (!Object.hasOwn(needed, name)) {
          return [{ file, line, message: `imports ${name}, which package.json does not name` }]
        }
        return barrels.has(specifier)
          ? [{ file, line, message: `imports all of ${specifier}: import the module, as in "${specifier}/Module"` }]
          : []
      })

    const src = join(directory, folder, "src")
    return declared.concat(filesBelow(src).flatMap((path) => imported(readSource(join(src, path)))))
  })
}

if (import.meta.main) {
  report("layers", [
    ...checkPackages(join(root, "packages")),
    ...checkModules(join(root, "packages/codex/src"))
  ])
}
