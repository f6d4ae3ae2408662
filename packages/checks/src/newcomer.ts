/**
 * The path of a newcomer, with its times: an empty folder, the packages from their archives, the first whole program of the recipes
 * and the program of AGENTS.md, their types, and a run on a scripted model. It must take less than five minutes. Build first.
 *
 *     npm run build && npm run check:newcomer
 */
import { CodexHome, ScriptedModel } from "@effect-codex/testing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { script } from "../../examples/src/shared/OfflineModel.ts"
import { blocksOf } from "./docs.ts"
import { run } from "./installed.ts"
import { output, pack } from "./pack.ts"
import { type Problem, report, root } from "./problem.ts"

/** The longest time from the empty folder to the answer, in seconds. */
const allowed = 300

/** The first program of a document. */
const programOf = (path: string): string => {
  const file = join(root, path)
  const found = blocksOf(file, readFileSync(file, "utf8")).find(({ kind }) => kind === "program")
  if (found === undefined) throw new Error(`${path} has no program`)
  return found.code
}

const programs = {
  "recipe.ts": programOf("packages/codex/docs/recipes.md"),
  "agents.ts": programOf("packages/codex/AGENTS.md")
}

/** The configuration that `docs/getting-started.md` names, without output. */
const tsconfig = { compilerOptions: { module: "NodeNext", strict: true, types: ["node"], noEmit: true } }

const write = (project: string, files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text)
}

/** Walks the path with the environment of a Codex home, and returns a problem if it takes too long. */
const walk = async (directory: string, env: Readonly<Record<string, string>>): Promise<ReadonlyArray<Problem>> => {
  const [protocol, codex] = [await pack("protocol", directory), await pack("codex", directory)]
  const project = join(directory, "newcomer")
  let total = 0
  const step = async (name: string, work: () => Promise<unknown>) => {
    const start = performance.now()
    await work()
    const seconds = (performance.now() - start) / 1000
    total += seconds
    console.log(`${name.padEnd(24)} ${seconds.toFixed(1).padStart(6)} s`)
  }
  const npm = (...args: ReadonlyArray<string>) => output(project, "npm", "install", "--no-audit", "--no-fund", ...args)

  await step("install", async () => {
    mkdirSync(project)
    // npm would find the protocol by itself.
    const overrides = { "@effect-codex/protocol": `file:${protocol.archive}` }
    write(project, { "package.json": JSON.stringify({ private: true, type: "module", overrides }) })
    await npm(codex.archive, "effect@^4.1", "zod")
    await npm("--save-dev", "typescript", "@types/node")
  })
  write(project, { ...programs, "tsconfig.json": JSON.stringify(tsconfig) })
  await step("check the types", () => output(project, "npx", "--no-install", "tsc"))
  for (const name of Object.keys(programs)) {
    await step(`run ${name}`, async () => {
      const printed = await run(project, process.execPath, [name], env)
      if (typeof printed !== "string") throw new Error(printed.message)
      if (!printed.includes("\"article\":\"lamp\"")) throw new Error(`${name} printed\n${printed}`)
    })
  }
  console.log(`${"the whole path".padEnd(24)} ${total.toFixed(1).padStart(6)} s`)
  return total < allowed
    ? []
    : [{ file: join(root, "packages/checks/src/newcomer.ts"), line: 1, message: `took longer than ${allowed} s` }]
}

const directory = mkdtempSync(join(tmpdir(), "effect-codex-newcomer-"))
try {
  const path = CodexHome.CodexHome.use(({ env }) => Effect.promise(() => walk(directory, env)))
  const home = CodexHome.layer({ model: "gpt-5.5" }).pipe(
    Layer.provideMerge(ScriptedModel.layer(script)),
    Layer.provideMerge(NodeServices.layer)
  )
  report("newcomer", await Effect.runPromise(Effect.provide(path, home)))
} finally {
  rmSync(directory, { recursive: true })
}
