/**
 * The check of the packages as npm would publish them. It inspects their contents, runs `publint` and `attw`, compiles and runs a
 * project that has installed them on every supported version of TypeScript and Node, and measures bundle sizes. Build first.
 *
 *     npm run build && node packages/checks/src/published.ts
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { exceeded, measureBundles, printBundle } from "./bundles.ts"
import {
  type Archives,
  compile,
  execute,
  installSdk,
  installTesting,
  installTools,
  isComplete,
  run,
  sdkProgram,
  testingProgram
} from "./installed.ts"
import { checkPacked, publicModules, readManifest } from "./packed.ts"
import { type Problem, report, root } from "./problem.ts"

const bin = (name: string): string => join(root, "node_modules", ".bin", name)

const output = async (cwd: string, command: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const result = await run(cwd, command, args)
  if (typeof result !== "string") throw new Error(result.message)
  return result.trim()
}

/** Packs a package, and unpacks it again for inspection. */
const pack = async (folder: string, directory: string) => {
  const source = join(root, "packages", folder)
  const archive = join(directory, await output(source, "npm", "pack", "--silent", "--pack-destination", directory))
  const unpacked = join(directory, folder)
  mkdirSync(unpacked)
  await output(directory, "tar", "-xzf", archive, "--strip-components=1", "-C", unpacked)
  return { archive, unpacked, modules: publicModules(unpacked) }
}

type Packed = Awaited<ReturnType<typeof pack>>

/** Reports corrections that `npm publish` would make in a manifest with only a warning. They can remove a command. */
const corrected = async (unpacked: string): Promise<ReadonlyArray<Problem>> => {
  const file = join(unpacked, "package.json")
  const before = readFileSync(file, "utf8")
  await output(unpacked, "npm", "pkg", "fix")
  if (readFileSync(file, "utf8") === before) return []
  return [{
    file,
    line: 1,
    message: "npm would correct it when publishing: run `npm pkg fix` in the package"
  }]
}

/** Checks the contents of an archive, and that tools resolve its exports. The packages are ESM only, so `require` is ignored. */
const lint = async ({ archive, modules, unpacked }: Packed): Promise<ReadonlyArray<Problem>> => {
  const { name } = readManifest(unpacked)
  const entrypoints = modules.filter((module) => module !== name).map((module) => `.${module.slice(name.length)}`)
  const results = [
    await run(unpacked, bin("publint"), ["--strict", archive]),
    await run(unpacked, bin("attw"), [archive, "--profile", "esm-only", "--entrypoints", ".", ...entrypoints])
  ]
  return [
    ...checkPacked(unpacked),
    ...await corrected(unpacked),
    ...results.filter((result) => typeof result !== "string")
  ]
}

const check = async (directory: string): Promise<ReadonlyArray<Problem>> => {
  const problems: Array<Problem> = []
  const [protocol, codex, testing] = await Promise.all([
    pack("protocol", directory),
    pack("codex", directory),
    pack("testing", directory),
    installTools()
  ])
  for (const packed of [protocol, codex, testing]) problems.push(...await lint(packed))

  const { version } = readManifest(codex.unpacked)
  const archives: Archives = { protocol: protocol.archive, codex: codex.archive, testing: testing.archive }
  const project = join(directory, "project")
  mkdirSync(project)

  await installSdk(project, archives)
  problems.push(
    ...await isComplete(project),
    ...await compile(project, sdkProgram, codex.modules, "quick"),
    ...await execute(
      project,
      ["npx", ["--no-install", "effect-codex", "--version"], version],
      ["npx", ["--no-install", "effect-codex", "timeline", "--help"], "USAGE"]
    )
  )

  await installTesting(project, archives)
  const modules = [...protocol.modules, ...codex.modules, ...testing.modules]
  problems.push(
    ...await isComplete(project),
    ...await compile(project, testingProgram, modules, "everywhere"),
    ...await execute(project)
  )

  for (const bundle of await measureBundles(project)) {
    console.log(printBundle(bundle))
    for (const part of exceeded(bundle)) {
      problems.push({
        file: join(root, "packages/checks/src/bundles.ts"),
        line: 1,
        message: `${bundle.name}: ${part} is exceeded`
      })
    }
  }
  return problems
}

const directory = mkdtempSync(join(tmpdir(), "effect-codex-published-"))
try {
  report("published", await check(directory))
} finally {
  rmSync(directory, { recursive: true })
}
