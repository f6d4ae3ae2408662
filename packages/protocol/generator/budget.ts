/** The size and speed of the generated code, compared with its budget. */
import { execFileSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import { gzipSync } from "node:zlib"

export interface Cost {
  readonly name: string
  readonly value: number
  readonly limit: number
}

const project = join(dirname(fileURLToPath(import.meta.url)), "..")
const dist = join(project, "dist")

const build = (): void => {
  const typescript = createRequire(import.meta.url).resolve("typescript/package.json")
  execFileSync(process.execPath, [join(dirname(typescript), "bin", "tsc"), "-b", project], { stdio: "inherit" })
}

const kilobytes = (bytes: number): number => Math.round(bytes / 1024)

const size = (name: string, files: ReadonlyArray<string>, raw: number, zipped: number): ReadonlyArray<Cost> => {
  const content = Buffer.concat(files.map((file) => readFileSync(join(dist, "generated", file))))
  return [
    { name: `${name}, KB`, value: kilobytes(content.length), limit: raw },
    { name: `${name}, KB zipped`, value: kilobytes(gzipSync(content).length), limit: zipped }
  ]
}

/** The minimum of many runs, because a busy machine only adds to a measurement. */
const time = (work: () => void): number =>
  Math.min(...Array.from({ length: 50 }, () => {
    const start = performance.now()
    for (let round = 0; round < 20; round++) work()
    return performance.now() - start
  }))

const importTime = (before: string, module: string): number => {
  const script = `${before}; const start = performance.now(); await import(${JSON.stringify(module)}); ` +
    "console.log(performance.now() - start)"
  return Number(
    execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: project, encoding: "utf8" })
  )
}

const importCost = (): Cost => {
  const limit = 0.25
  const below = "await import(\"effect/Schema\"); await import(\"effect/SchemaTransformation\")"
  let schema = Infinity
  let methods = Infinity
  // On a busy machine, more runs are needed until one is undisturbed.
  for (let run = 0; run < 7 || (run < 50 && methods / schema > limit); run++) {
    schema = Math.min(schema, importTime("", "effect/Schema"))
    methods = Math.min(methods, importTime(below, pathToFileURL(join(dist, "Methods.js")).href))
  }
  return { name: "import of Methods / import of effect/Schema", value: methods / schema, limit }
}

/** Measures the checks over every notification of a captured session. */
const checkCost = async (): Promise<Cost> => {
  const { serverNotifications } = await import(pathToFileURL(join(dist, "Methods.js")).href)
  const fixtures = join(project, "test", "fixtures")
  const newest = readdirSync(fixtures).filter((file) => file.endsWith(".jsonl")).sort().at(-1)!
  const lines = readFileSync(join(fixtures, newest), "utf8").trim().split("\n")
    .map((line): unknown => JSON.parse(line).received)
    .filter((message): message is { readonly method: string; readonly params: unknown } =>
      typeof message === "object" && message !== null && "method" in message && !("id" in message)
    )
    .map((message) => JSON.stringify(message))
  const messages = lines.map((line) => JSON.parse(line))
  let passed = 0
  const checking = time(() => {
    for (const { method, params } of messages) if (serverNotifications.get(method).check(params)) passed++
  })
  const parsing = time(() => {
    for (const line of lines) passed += JSON.parse(line).method.length
  })
  if (passed === 0) throw new Error("Nothing was measured")
  return { name: "lookup and check / JSON.parse", value: checking / parsing, limit: 0.2 }
}

export const measureCosts = async (): Promise<ReadonlyArray<Cost>> => {
  build()
  return [
    ...size("Schemas", ["schemas.js", "outgoing.js"], 400, 50),
    ...size("checks", ["checks.js"], 270, 30),
    ...size("types", ["incoming.d.ts", "outgoing.d.ts"], 500, 100),
    importCost(),
    await checkCost()
  ]
}
