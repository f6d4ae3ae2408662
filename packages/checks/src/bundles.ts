/**
 * What a bundler makes of a program that uses one export: how much of it is ours, and how much of Effect comes with it.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { build } from "vite"

/** The size of a program in KB, minified: our modules, what they need of Effect, and both, zipped. */
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

/** The limits are a bit above what was measured: an export that pulls in what it does not need costs far more than that. */
const programs: ReadonlyArray<{ readonly name: string; readonly code: string; readonly limit: Size }> = [
  {
    name: "nothing",
    code: `import "effect-codex"; import "@effect-codex/protocol"; import "@effect-codex/testing"`,
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
    limit: { ours: 14, effect: 75, zipped: 28 }
  },
  {
    name: "CodexError.CodexError",
    code: using("effect-codex", "CodexError.CodexError"),
    limit: { ours: 18, effect: 80, zipped: 32 }
  },
  {
    name: "Codex.layer",
    code: using("effect-codex", "Codex.layer"),
    limit: { ours: 300, effect: 185, zipped: 132 }
  }
]

/** The code of a program, all its chunks. Of `"ours"`, what comes from Effect is left out. */
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
        // To read a member of a module that the bundler does not see has no effect either.
        treeshake: { propertyReadSideEffects: part === "ours" ? false : "always" }
      }
    }
  })
  if (!("output" in bundled)) throw new Error(`${entry} was bundled more than once`)
  const code = bundled.output.map((output) => output.type === "chunk" ? output.code : "").join("\n")
  return code.trim() === "export{};" ? "" : code
}

const kilobytes = (bytes: number): number => Math.round(bytes / 1024 * 10) / 10

/** Measures in a project that has installed the packages. */
export const measureBundles = async (project: string): Promise<ReadonlyArray<Bundle>> => {
  const bundles: Array<Bundle> = []
  const entry = join(project, "bundled.js")
  for (const { code, limit, name } of programs) {
    writeFileSync(entry, code)
    const ours = await bundle(project, entry, "ours")
    const all = await bundle(project, entry, "all")
    const size = {
      ours: kilobytes(ours.length),
      // What is kept of Effect imports is not ours, so that this may be a few bytes below 0.
      effect: kilobytes(Math.max(0, all.length - ours.length)),
      zipped: kilobytes(all === "" ? 0 : gzipSync(all).length)
    }
    bundles.push({ name, size, limit })
  }
  return bundles
}

/** What is exceeded of a limit. */
export const exceeded = ({ limit, size }: Bundle): ReadonlyArray<keyof Size> =>
  (["ours", "effect", "zipped"] as const).filter((part) => size[part] > limit[part])

export const printBundle = ({ limit, name, size }: Bundle): string =>
  `${name}: ours ${size.ours} of ${limit.ours} KB, Effect ${size.effect} of ${limit.effect} KB, ` +
  `zipped ${size.zipped} of ${limit.zipped} KB`
