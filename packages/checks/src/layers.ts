/**
 * The layer check: imports only run downwards, between packages and between the folders of a package.
 *
 *     node packages/checks/src/layers.ts
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join, relative } from "node:path"
import { type Problem, report, root } from "./problem.ts"
import { filesBelow, readSource, type Source } from "./source.ts"

/** The packages, from the lowest layer up. A package may depend on those in the rows above its own. */
const packages = [
  ["protocol"],
  ["codex"],
  ["recording", "ai"],
  ["testing"],
  ["platform"],
  ["cluster"],
  ["cli"],
  ["bench", "examples"],
  ["checks"]
]

/**
 * The folders of a package's `src`, each with the folders that it may import. `.` is `src` itself; `node:` stands for Node's own
 * modules, so a folder without it runs on every platform.
 */
export type Folders = Readonly<Record<string, ReadonlyArray<string>>>

/** The folders of `codex/src/model`. */
const model = ["model/connection", "model/requests", "model/errors", "model/turns"]

const folders: Readonly<Record<string, Folders>> = {
  codex: {
    promises: [".", "options", "tools", ...model, "base"],
    ".": ["capabilities", "client", "wire", "node", "options", "tools", ...model, "base"],
    capabilities: ["wire", "options", "tools", ...model, "base"],
    client: ["wire", "node", ...model, "base"],
    wire: ["options", ...model, "base"],
    options: ["tools", ...model, "base"],
    tools: [...model, "base"],
    node: [...model, "base", "node:"],
    "model/connection": ["model/requests", "model/errors", "model/turns", "base"],
    "model/requests": ["model/errors", "base"],
    "model/errors": ["model/turns", "base"],
    "model/turns": ["base"],
    base: []
  },
  recording: {
    ".": ["record", "replay", "timeline", "masking", "format", "node:"],
    record: ["masking", "format", "node:"],
    replay: ["masking", "format", "node:"],
    timeline: ["timeline/browser", "format", "node:"],
    "timeline/browser": [],
    masking: ["format", "node:"],
    format: ["node:"]
  },
  testing: {
    ".": ["server", "evaluation", "script", "base", "node:"],
    server: ["script"],
    evaluation: [],
    script: [],
    base: []
  },
  cli: {
    ".": ["commands", "doctor"],
    commands: ["doctor", "node:"],
    doctor: ["node:"]
  },
  ai: {
    ".": ["internal"],
    internal: []
  },
  cluster: {
    ".": ["internal/client", "internal/host", "internal/runner", "internal/model", "node:"],
    "internal/client": ["internal/model"],
    "internal/host": ["internal/model"],
    "internal/runner": ["internal/model", "node:"],
    "internal/model": []
  },
  platform: {
    ".": ["internal", "internal/files", "internal/process", "internal/server", "internal/model"],
    internal: ["node:"],
    "internal/files": ["internal/server", "internal/model", "node:"],
    "internal/process": ["internal/server", "internal/model", "node:"],
    "internal/server": ["internal/model", "node:"],
    "internal/model": []
  }
}

type Order = ReadonlyArray<ReadonlyArray<string>>

const levels = (order: Order): ReadonlyMap<string, number> =>
  new Map(order.flatMap((names, level) => names.map((name) => [name, level] as const)))

/** Returns the folder of an imported module, or `undefined` for another package. `#` imports belong to `node`. */
const targetOf = (src: string, file: string, specifier: string): string | undefined => {
  if (specifier.startsWith("#")) return "node"
  if (specifier.startsWith(".")) return dirname(relative(src, join(dirname(file), specifier))).replaceAll("\\", "/")
  return isBuiltin(specifier) ? "node:" : undefined
}

/** Checks that the rules of a package have an order: no folder may be below itself, directly or through others. */
export const checkOrder = (file: string, allowed: Folders): ReadonlyArray<Problem> => {
  const path: Array<string> = []
  const done = new Set<string>()
  const cycleFrom = (folder: string): ReadonlyArray<string> | undefined => {
    if (path.includes(folder)) return [...path.slice(path.indexOf(folder)), folder]
    if (done.has(folder)) return undefined
    path.push(folder)
    for (const below of allowed[folder] ?? []) {
      const cycle = cycleFrom(below)
      if (cycle !== undefined) return cycle
    }
    path.pop()
    done.add(folder)
    return undefined
  }
  for (const folder of Object.keys(allowed)) {
    const cycle = cycleFrom(folder)
    if (cycle !== undefined) return [{ file, line: 1, message: `the rules form a cycle: ${cycle.join(" -> ")}` }]
  }
  return []
}

/** Checks the imports between the folders of a package. */
export const checkFolders = (src: string, allowed: Folders): ReadonlyArray<Problem> =>
  filesBelow(src).flatMap((path) => {
    const { file, imports } = readSource(join(src, path))
    const folder = dirname(path).replaceAll("\\", "/")
    const below = allowed[folder]
    if (below === undefined) {
      return [{ file, line: 1, message: `${folder} has no rule yet: add it to packages/checks/src/layers.ts` }]
    }
    return imports.flatMap(({ line, specifier }) => {
      const target = targetOf(src, file, specifier)
      return target === undefined || target === folder || below.includes(target)
        ? []
        : [{ file, line, message: `${folder} imports ${target}, which is not below it` }]
    })
  })

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** Returns the package that a specifier names, or `undefined` for files and Node's own modules. */
const packageOf = (specifier: string): string | undefined => {
  if (/^[.#]/.test(specifier) || isBuiltin(specifier)) return undefined
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/")
}

/** Packages whose entry point loads all their modules. Our modules import single modules from them. */
const barrels = new Set([
  "effect",
  "effect/ai",
  "@effect/platform-node",
  "@effect-codex/platform",
  "@effect-codex/protocol",
  "@effect-codex/ai",
  "@effect-codex/recording",
  "@effect-codex/testing",
  "effect-codex"
])

/** Checks the imports between the packages of a workspace. */
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
    ...Object.entries(folders).flatMap(([folder, allowed]) => [
      ...checkOrder(import.meta.filename, allowed),
      ...checkFolders(join(root, "packages", folder, "src"), allowed)
    ])
  ])
}
