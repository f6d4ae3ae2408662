/**
 * The check of bundles: their sizes, split into our code and Effect's, and that a browser bundle needs no Node module.
 */
import { writeFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { build } from "vite"
import type { Problem } from "./problem.ts"

/** The size of a minified program in KB: our modules, the Effect modules that they need, and both together, zipped. */
export interface Size {
  readonly ours: number
  readonly effect: number
  readonly zipped: number
}

export interface Bundle {
  readonly name: string
  readonly size: Size
  readonly limit: Size
}

const using = (module: string, value: string): string =>
  `import { ${value.split(".")[0]} } from "${module}"; export const used = ${value}`

/** The programs. Their limits are slightly above the measured sizes; an export with an unneeded import costs far more. */
const programs: ReadonlyArray<{ readonly name: string; readonly code: string; readonly limit: Size }> = [
  {
    name: "nothing",
    code:
      `import "effect-codex"; import "@effect-codex/protocol"; import "@effect-codex/recording"; import "@effect-codex/testing"; import "@effect-codex/ai"; import "@effect-codex/platform"; import "@effect-codex/cluster/HostedThreads"`,
    limit: { ours: 0, effect: 0, zipped: 0 }
  },
  {
    name: "Input.text",
    code: using("effect-codex", "Input.text"),
    limit: { ours: 0.2, effect: 0, zipped: 0.2 }
  },
  {
    name: "Protocol.Account",
    code: using("@effect-codex/protocol", "Protocol.Account"),
    limit: { ours: 2, effect: 75, zipped: 25 }
  },
  {
    name: "Protocol.Thread",
    code: using("@effect-codex/protocol", "Protocol.Thread"),
    limit: { ours: 18, effect: 75, zipped: 29 }
  },
  {
    name: "CodexError.CodexError",
    code: using("effect-codex", "CodexError.CodexError"),
    limit: { ours: 30, effect: 82, zipped: 36 }
  },
  {
    name: "Codex.layer",
    code: using("effect-codex", "Codex.layer"),
    limit: { ours: 450, effect: 150, zipped: 170 }
  },
  {
    name: "HostedThreads.layerRpc",
    code:
      `import { layerRpc } from "@effect-codex/cluster/HostedThreads"; import { group } from "@effect-codex/cluster/ThreadRpcs"; export const used = [layerRpc, group]`,
    limit: { ours: 45, effect: 215, zipped: 84 }
  }
]

/** Bundles a program and returns the code of all chunks. `"ours"` leaves out Effect. */
const bundle = async (project: string, entry: string, part: "ours" | "all"): Promise<string> => {
  const bundled = await build({
    root: project,
    configFile: false,
    logLevel: "error",
    ssr: { noExternal: true, target: "node" },
    build: {
      ssr: true,
      write: false,
      minify: true,
      target: "node22",
      rolldownOptions: {
        input: entry,
        external: part === "ours" ? /^(effect|@effect)\// : [],
        // Reading a member of an external module has no side effects either.
        treeshake: { propertyReadSideEffects: part === "ours" ? false : "always" }
      }
    }
  })
  if (!("output" in bundled)) throw new Error(`${entry} was bundled more than once`)
  const code = bundled.output.map((output) => output.type === "chunk" ? output.code : "").join("\n")
  return code.trim() === "export{};" ? "" : code
}

const kilobytes = (bytes: number): number => Math.round(bytes / 1024 * 10) / 10

/** Measures the bundles in a project that has installed the packages. */
export const measureBundles = async (project: string): Promise<ReadonlyArray<Bundle>> => {
  const bundles: Array<Bundle> = []
  const entry = join(project, "bundled.js")
  for (const { code, limit, name } of programs) {
    writeFileSync(entry, code)
    const ours = await bundle(project, entry, "ours")
    const all = await bundle(project, entry, "all")
    const size = {
      ours: kilobytes(ours.length),
      // `ours` includes the import statements of Effect, so the difference can be a few bytes below 0.
      effect: kilobytes(Math.max(0, all.length - ours.length)),
      zipped: kilobytes(all === "" ? 0 : gzipSync(all).length)
    }
    bundles.push({ name, size, limit })
  }
  return bundles
}

/** Returns the parts of a bundle that exceed their limits. */
export const exceeded = ({ limit, size }: Bundle): ReadonlyArray<keyof Size> =>
  (["ours", "effect", "zipped"] as const).filter((part) => size[part] > limit[part])

export const printBundle = ({ limit, name, size }: Bundle): string =>
  `${name}: ours ${size.ours} of ${limit.ours} KB, Effect ${size.effect} of ${limit.effect} KB, ` +
  `zipped ${size.zipped} of ${limit.zipped} KB`

/** Bundles every export of these modules for a browser, and reports each Node module that the bundle needs. */
export const checkBrowserBundle = async (
  project: string,
  modules: ReadonlyArray<string>
): Promise<ReadonlyArray<Problem>> => {
  const entry = join(project, "browser.js")
  writeFileSync(entry, modules.map((module, index) => `export * as m${index} from "${module}"\n`).join(""))
  const problems: Array<Problem> = []
  await build({
    root: project,
    configFile: false,
    logLevel: "error",
    plugins: [{
      name: "builtins",
      enforce: "pre",
      resolveId: (id, importer) => {
        if (isBuiltin(id)) problems.push({ file: importer ?? entry, line: 1, message: `needs ${id} in a browser` })
      }
    }],
    build: { write: false, lib: { entry, formats: ["es"] } }
  })
  return problems
}
