/**
 * What is in a package as `npm pack` makes it: all that it exports, and the sources that its maps name; no tests, no leftovers
 * of the build, no path of this machine; and nothing that imports what it does not declare.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join } from "node:path"
import { parseSync } from "vite"
import { type Problem, root } from "./problem.ts"

/** The condition under which the sources are used in this repository; nobody who installs a package sets it. */
const sourceCondition = "@effect-codex/source"

/** Targets by condition; a target may depend on further conditions. */
interface Conditions {
  readonly [condition: string]: string | Conditions
}

/** As far as it is looked at here. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string | null | Conditions>>
  readonly imports?: Readonly<Record<string, Conditions>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export const readManifest = (directory: string): Manifest =>
  JSON.parse(readFileSync(join(directory, "package.json"), "utf8"))

const filesOf = (directory: string): ReadonlyArray<string> =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1).replaceAll("\\", "/"))
    .sort()

/** The names under which the modules of a package are imported: those that its `exports` let through. */
export const publicModules = (directory: string): ReadonlyArray<string> => {
  const { exports, name } = readManifest(directory)
  const modules = exports["./*"] === undefined ? [] : filesOf(join(directory, "src"))
    .filter((file) => file.endsWith(".ts") && !file.includes("/"))
    .map((file) => `./${file.slice(0, -".ts".length)}`)
    .filter((path) => exports[path] !== null)
    .map((path) => `${name}/${path.slice(2)}`)
  return exports["."] === undefined ? modules : [...modules, name]
}

/** Files that a build, a test or an editor leaves behind. */
const leftover = /(^|\/)\.|\.tsbuildinfo$|\.test\.|(^|\/)(test|tests|fixtures)\//

const required = ["LICENSE", "README.md", "CHANGELOG.md"]

/** The packages, by their names, that a module imports: also as types, also at run time. What stands in comments does not count. */
const importedPackages = (file: string, text: string): ReadonlySet<string> => {
  const { comments } = parseSync(file, text, { lang: "ts" })
  const code = comments.toReversed().reduce((code, { end, start }) => code.slice(0, start) + code.slice(end), text)
  const specifiers = Array.from(
    code.matchAll(/\b(?:from|import)\s*\(?\s*"([@\w][\w@./-]*)"/g),
    ([, specifier = ""]) => specifier
  )
  return new Set(
    specifiers
      .filter((specifier) => !isBuiltin(specifier))
      .map((specifier) => specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/"))
  )
}

/** The files beside it that a document links to. A link that leaves the package is for those who read the repository. */
const linkedFiles = (document: string, text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g), ([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => join(dirname(document), link).replaceAll("\\", "/"))
    .filter((file) => !file.startsWith("../"))

/** What is wrong in one file, beside that it is there. */
const problemsIn = function*(directory: string, file: string, packedFrom: string): Generator<string> {
  const text = readFileSync(join(directory, file), "utf8")
  const isPacked = (file: string): boolean => existsSync(join(directory, file))
  if (/^dist\/.*(\.js|\.d\.ts)$/.test(file)) {
    if (!isPacked(`${file}.map`)) yield "is packed without its map"
    const { dependencies, name, peerDependencies } = readManifest(directory)
    const declared = new Set([name, ...Object.keys({ ...dependencies, ...peerDependencies })])
    for (const imported of importedPackages(file, text)) {
      if (!declared.has(imported)) yield `imports ${imported}, which package.json does not declare`
    }
  }
  if (file.endsWith(".map")) {
    const { sourceRoot, sources } = JSON.parse(text)
    for (const source of sources) {
      if (!isPacked(join(dirname(file), sourceRoot ?? "", source))) yield `maps to ${source}, which is not packed`
    }
  }
  if (file.endsWith(".md")) {
    for (const linked of linkedFiles(file, text)) if (!isPacked(linked)) yield `links to ${linked}, which is not packed`
  }
  if (file.startsWith("dist/") && text.includes(packedFrom)) yield "has a path of this machine"
}

/** The targets for those who install a package: of every condition but that of the sources. */
const targetsOf = (target: string | Conditions): ReadonlyArray<string> =>
  typeof target === "string"
    ? [target]
    : Object.entries(target).flatMap(([condition, target]) => condition === sourceCondition ? [] : targetsOf(target))

/** What is exported, imported by a name with `#`, or a command, and is not there. */
const problemsInExports = function*(directory: string): Generator<string> {
  const { bin = {}, exports, imports = {}, name } = readManifest(directory)
  const modules = publicModules(directory).filter((module) => module !== name).map((module) =>
    module.slice(name.length)
  )
  const named = [
    ...Object.entries(exports).filter(([, target]) => target !== null && typeof target !== "string"),
    ...Object.entries(imports),
    ...Object.entries(bin).map(([command, file]) => [command, `./${file}`] as const)
  ]
  for (const [path, target] of named) {
    for (const pattern of target === null ? [] : targetsOf(target)) {
      for (const built of pattern.includes("*") ? modules.map((module) => pattern.replace("/*", module)) : [pattern]) {
        if (!built.startsWith("./dist/")) yield `exports ${path} as ${built}, which is not built`
        if (!existsSync(join(directory, built))) yield `exports ${path} as ${built}, which is not packed`
      }
    }
  }
}

/** Checks a package that is unpacked in `directory`; `packedFrom` is where it came from, a path that must not be in it. */
export const checkPacked = (directory: string, packedFrom = root): ReadonlyArray<Problem> => {
  const files = filesOf(directory)
  const problem = (file: string) => (message: string): Problem => ({ file: join(directory, file), line: 1, message })
  return [
    ...required.filter((file) => !files.includes(file)).map((file) => problem(file)("is not packed")),
    ...files.filter((file) => leftover.test(file)).map((file) => problem(file)("is packed, and is nothing for users")),
    ...Array.from(problemsInExports(directory), problem("package.json")),
    ...files.flatMap((file) => Array.from(problemsIn(directory, file, packedFrom), problem(file)))
  ]
}
