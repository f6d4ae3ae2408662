/**
 * The chunks: the code of a package in few files, for programs that are not bundled. Node takes about a millisecond for each module
 * that it loads, and resolves each import of each file; the SDK has more than a hundred modules.
 *
 *     node packages/checks/src/chunks.ts
 *
 * Bundlers use the single modules (the condition `module` in `package.json`), and drop those that a program does not use.
 */
import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { root } from "./problem.ts"

interface Bundle {
  readonly folder: string
  /** The folder in the package that receives the files. */
  readonly to: string
  /** Entries besides the modules in `src` itself. */
  readonly entries?: ReadonlyArray<string>
  /** Matches the modules of the chunk. An entry that is not in it loads only what it needs. */
  readonly chunk: RegExp
  /** The module that `#process` stands for. */
  readonly process?: string
}

/** `CodexConfig` alone needs Effect's Config, and `promises` the tools of Effect AI. The protocol is part of the chunk. */
const codex = {
  folder: "codex",
  entries: ["promises/index"],
  chunk: /\/codex\/src\/(?!promises|CodexConfig)|\/protocol\/src\//
}

const bundles: ReadonlyArray<Bundle> = [
  { folder: "protocol", to: "bundle", chunk: /\/src\/(?:internal|generated\/(?:checks|methods|schemas))/ },
  { ...codex, to: "bundle/node", process: "node/process.ts" },
  { ...codex, to: "bundle/web", process: "node/noProcess.ts" }
]

const isOwn = (id: string): boolean => /^[./#]/.test(id) || id.startsWith("@effect-codex/")

const write = async ({ chunk, entries = [], folder, process, to }: Bundle): Promise<void> => {
  const src = join(root, "packages", folder, "src")
  const dir = join(root, "packages", folder, to)
  const modules = readdirSync(src).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -".ts".length))
  rmSync(dir, { recursive: true, force: true })
  const bundle = await rolldown({
    input: Object.fromEntries([...modules, ...entries].map((entry) => [entry, join(src, `${entry}.ts`)])),
    external: (id) => !isOwn(id),
    resolve: {
      conditionNames: ["@effect-codex/source"],
      ...(process === undefined ? {} : { alias: { "#process": join(src, process) } })
    },
    preserveEntrySignatures: "allow-extension"
  })
  await bundle.write({
    dir,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    sourcemap: true,
    codeSplitting: { includeDependenciesRecursively: false, groups: [{ name: "chunk", test: chunk }] }
  })
  await bundle.close()
}

for (const bundle of bundles) await write(bundle)
