/**
 * The chunks: the code of a package in few files, for programs that are not bundled. Node takes about a millisecond for each module
 * that it loads, and the SDK has more than a hundred.
 *
 *     node packages/checks/src/chunks.ts
 *
 * Bundlers use the single modules (the condition `module` in `package.json`), and drop those that a program does not use.
 */
import { readdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { rolldown } from "rolldown"
import { root } from "./problem.ts"

interface Group {
  readonly name: string
  readonly test: RegExp
}

interface Chunked {
  readonly folder: string
  /** Entries besides the modules in `src` itself. */
  readonly entries: ReadonlyArray<string>
  /** The chunks. The first group that matches a module has it. */
  readonly groups: ReadonlyArray<Group>
}

const chunked: ReadonlyArray<Chunked> = [
  {
    folder: "protocol",
    entries: [],
    groups: [{ name: "runtime", test: /\/src\/(?:internal|generated\/(?:checks|methods|schemas))/ }]
  },
  {
    folder: "codex",
    entries: ["promises/index", "node/process", "node/noProcess"],
    groups: [
      // The modules of `node/process` need these, and are needed by the rest: a chunk of their own keeps chunks free of cycles.
      { name: "base", test: /\/src\/(?:base|model|node\/(?:ConfigOverrides|ProcessOptions|SharedOptions)\.ts)/ },
      // `CodexConfig` alone needs Effect's Config.
      { name: "core", test: /\/src\/(?!node|promises|CodexConfig)/ }
    ]
  }
]

const write = async ({ entries, folder, groups }: Chunked): Promise<void> => {
  const src = join(root, "packages", folder, "src")
  const dir = join(root, "packages", folder, "bundle")
  const modules = readdirSync(src).filter((name) => name.endsWith(".ts")).map((name) => name.slice(0, -".ts".length))
  rmSync(dir, { recursive: true, force: true })
  const bundle = await rolldown({
    input: Object.fromEntries([...modules, ...entries].map((entry) => [entry, join(src, `${entry}.ts`)])),
    external: (id) => !id.startsWith(".") && !id.startsWith("/"),
    preserveEntrySignatures: "allow-extension"
  })
  await bundle.write({
    dir,
    format: "esm",
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name].js",
    sourcemap: true,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: groups.map((group, index) => ({ ...group, priority: groups.length - index }))
    }
  })
  await bundle.close()
}

for (const chunks of chunked) await write(chunks)
