/**
 * The check of the packages as npm would publish them. It inspects their contents, runs `publint` and `attw`, compiles and runs a
 * project that has installed them on every supported version of TypeScript and Node, and measures bundle sizes. Build first.
 *
 *     npm run build && node packages/checks/src/published.ts
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { checkBrowserBundle, exceeded, measureBundles, printBundle } from "./bundles.ts"
import {
  type Archives,
  compile,
  execute,
  type Folder,
  folders,
  installAll,
  installSdk,
  installTools,
  isComplete,
  run,
  sdkProgram,
  testingProgram
} from "./installed.ts"
import { checkNodeBundles } from "./nodeBundles.ts"
import { output, pack, type Packed } from "./pack.ts"
import { checkPacked, readManifest } from "./packed.ts"
import { type Problem, report, root } from "./problem.ts"

const bin = (name: string): string => join(root, "node_modules", ".bin", name)

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
  const entrypoints = modules.map((module) => `.${module.slice(name.length)}`)
  const results = [await run(unpacked, bin("publint"), ["--strict", archive])]
  // A package with nothing but a command exports no types.
  if (modules.length > 0) {
    results.push(
      await run(unpacked, bin("attw"), [archive, "--profile", "esm-only", "--entrypoints", ...entrypoints])
    )
  }
  return [
    ...checkPacked(unpacked),
    ...await corrected(unpacked),
    ...results.filter((result) => typeof result !== "string")
  ]
}

/** The modules of the cluster that browsers use. */
const hostedClient = [
  "@effect-codex/cluster/HostedThreads",
  "@effect-codex/cluster/HostedThreadError",
  "@effect-codex/cluster/ThreadRpcs"
]

const check = async (directory: string): Promise<ReadonlyArray<Problem>> => {
  const problems: Array<Problem> = []
  const packages: Array<readonly [Folder, Packed]> = []
  for (const folder of folders) packages.push([folder, await pack(folder, directory)])
  await installTools()
  for (const [, packed] of packages) problems.push(...await lint(packed))

  const of = <A>(f: (packed: Packed) => A) =>
    Object.fromEntries(packages.map(([folder, packed]) => [folder, f(packed)])) as Record<Folder, A>
  const archives: Archives = of(({ archive }) => archive)
  const modules = of(({ modules }) => modules)
  const { version } = readManifest(join(directory, "cli"))
  const project = join(directory, "project")
  mkdirSync(project)

  await installSdk(project, archives)
  problems.push(
    ...await isComplete(project),
    ...await compile(project, sdkProgram, modules.codex, "quick"),
    ...await execute(project),
    ...await checkBrowserBundle(project, modules.codex)
  )

  await installAll(project, archives)
  problems.push(
    ...await isComplete(project),
    ...await compile(project, testingProgram, Object.values(modules).flat(), "everywhere"),
    ...await execute(
      project,
      ["npx", ["--no-install", "effect-codex", "--version"], version],
      ["npx", ["--no-install", "effect-codex", "timeline", "--help"], "USAGE"]
    ),
    ...await checkBrowserBundle(project, hostedClient),
    ...await checkNodeBundles(project, join(directory, "bundled"))
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
