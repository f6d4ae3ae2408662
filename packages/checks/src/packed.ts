/**
 * The check of a packed package: it contains everything that it exports and the sources that its maps name. It contains no tests, no
 * build leftovers, no paths of this machine, and no imports that it does not declare.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { dirname, join } from "node:path"
import { parseSync } from "vite"
import { type Problem, root } from "./problem.ts"

/** The condition that selects the sources inside this repository. Users of a package never set it. */
const sourceCondition = "@effect-codex/source"

/** Targets by condition. A target may depend on further conditions. */
interface Conditions {
  readonly [condition: string]: string | Conditions
}

/** The fields of `package.json` that the check reads. */
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

/** Returns the specifiers of a package's public modules, as its `exports` define them. */
export const publicModules = (directory: string): ReadonlyArray<string> => {
  const { exports, name } = readManifest(directory)
  const modules = exports["./*"] === undefined ? [] : filesOf(join(directory, "src"))
    .filter((file) => file.endsWith(".ts") && !file.includes("/"))
    .map((file) => `./${file.slice(0, -".ts".length)}`)
    .filter((path) => exports[path] !== null)
    .map((path) => `${name}/${path.slice(2)}`)
  return exports["."] === undefined ? modules : [...modules, name]
}

/** Matches files that a build, a test or an editor leaves behind. */
const leftover = /(^|\/)\.|\.tsbuildinfo$|\.test\.|(^|\/)(test|tests|fixtures)\//

/** Matches the files of a build: the modules, and the chunks. */
const built = /^(\.\/)?(dist|bundle)\//

const required = ["LICENSE", "README.md", "CHANGELOG.md"]

/** Returns the names of the packages that a module imports, including type and dynamic imports, ignoring comments. */
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

/** Returns the files that a document links to. Links that leave the package are for readers of the repository and don't count. */
const linkedFiles = (document: string, text: string): ReadonlyArray<string> =>
  Array.from(text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g), ([, link = ""]) => link)
    .filter((link) => !/^[a-z]+:/.test(link))
    .map((link) => join(dirname(document), link).replaceAll("\\", "/"))
    .filter((file) => !file.startsWith("../"))

/** Checks the content of one file. */
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
  if (built.test(file) && text.includes(packedFrom)) yield "has a path of this machine"
}

/** Returns the targets of every condition except that of the sources. */
const targetsOf = (target: string | Conditions): ReadonlyArray<string> =>
  typeof target === "string"
    ? [target]
    : Object.entries(target).flatMap(([condition, target]) => condition === sourceCondition ? [] : targetsOf(target))

/** Checks that every export, `#` import and command exists. */
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
      for (const target of pattern.includes("*") ? modules.map((module) => pattern.replace("/*", module)) : [pattern]) {
        if (!built.test(target)) yield `exports ${path} as ${target}, which is not built`
        if (!existsSync(join(directory, target))) yield `exports ${path} as ${target}, which is not packed`
      }
    }
  }
}

/** Checks a package that is unpacked in `directory`. No file may contain `packedFrom`, the path that it was packed from. */
export const checkPacked = (directory: string, packedFrom = root): ReadonlyArray<Problem> => {
  const files = filesOf(directory)
  const problem = (file: string) => (message: string): Problem => ({ file: join(directory, file), line: 1, message })
  return [
    ...required.filter((file) => !files.includes(file)).map((file) => problem(file)("is not packed")),
    ...files.filter((file) => leftover.test(file)).map((file) => problem(file)("is packed, but users do not need it")),
    ...Array.from(problemsInExports(directory), problem("package.json")),
    ...files.flatMap((file) => Array.from(problemsIn(directory, file, packedFrom), problem(file)))
  ]
}
