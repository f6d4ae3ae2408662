import { CodexHome, ScriptedModel } from "@effect-codex/testing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { script } from "../../examples/src/shared/OfflineModel.ts"
import { run } from "../../examples/test/program.ts"
import { type Block, blocksOf, moduleOf, writeBlocks } from "../src/docs.ts"
import { root } from "../src/problem.ts"
import { mark } from "./inOneProcess.ts"

const inOneProcess = fileURLToPath(new URL("inOneProcess.ts", import.meta.url))

const markdown = (...lines: ReadonlyArray<string>): Block => {
  const blocks = blocksOf(join(root, "A.md"), lines.join("\n"))
  assert.lengthOf(blocks, 1)
  return blocks[0]!
}

describe("blocks", () => {
  it("are found in a document, with the line of their fence", () => {
    const text = "# A\n\n```sh\nls\n```\n\n```ts\nconst a = 1\n```\n\n- in a list:\n  ```ts\n  const b = 2\n\n  ```\n"
    assert.deepStrictEqual(
      blocksOf(join(root, "A.md"), text).map(({ code, kind, line }) => ({ code, kind, line })),
      [{ code: "const a = 1", kind: "fragment", line: 7 }, { code: "const b = 2\n", kind: "fragment", line: 12 }]
    )
  })

  it("are found in the docstrings of a module, and never run", () => {
    const text =
      "/**\n * Says.\n *\n * ```ts\n * import * as Effect from \"effect/Effect\"\n *\n * Effect.runSync(Effect.void)\n * ```\n */\n"
    assert.deepStrictEqual(
      blocksOf(join(root, "packages/codex/src/A.ts"), text).map(({ code, kind, line }) => ({ code, kind, line })),
      [{ code: "import * as Effect from \"effect/Effect\"\n\nEffect.runSync(Effect.void)", kind: "module", line: 4 }]
    )
  })

  it("are modules, programs, tests or fragments", () => {
    const effect = "import * as Effect from \"effect/Effect\""
    assert.strictEqual(markdown("```ts", effect, "export const a = Effect.void", "```").kind, "module")
    assert.strictEqual(markdown("```ts", effect, "Effect.runFork(Effect.void)", "```").kind, "program")
    assert.strictEqual(markdown("```ts no-run", effect, "Effect.runFork(Effect.void)", "```").kind, "module")
    const vitest = "import { it } from \"@effect/vitest\""
    assert.strictEqual(markdown("```ts", vitest, "it(\"works\", () => {})", "```").kind, "test")
    assert.strictEqual(
      markdown("```ts", vitest, "export const works = () => it(\"works\", () => {})", "```").kind,
      "module"
    )
    assert.strictEqual(markdown("```ts", "yield* Effect.void", "```").kind, "fragment")
  })

  it("keep their lines, so that an error names the line in the document", () => {
    const module = markdown("", "```ts", "import \"effect/Effect\"", "wrong", "```")
    assert.strictEqual(moduleOf(module).split("\n").indexOf("wrong"), 3)
    const fragment = markdown("", "```ts", "yield* thread.run(\"Hello.\")", "wrong", "```")
    assert.strictEqual(moduleOf(fragment).split("\n").indexOf("wrong"), 3)
    assert.include(moduleOf(fragment), "import * as Thread from \"effect-codex/Thread\"")
    assert.include(moduleOf(fragment), "declare const thread: Thread.Thread")
  })
})

const programs = writeBlocks().filter(({ kind }) => kind === "program")

/** Runs programs in few processes. Returns the output of each one that fails. */
const failures = (paths: ReadonlyArray<string>): Effect.Effect<ReadonlyMap<string, string>, unknown, Services> =>
  Effect.gen(function*() {
    if (paths.length === 0) return new Map<string, string>()
    const { env, workspace } = yield* CodexHome.CodexHome
    const { exitCode, stderr, stdout } = yield* run(inOneProcess, { args: paths, env, cwd: workspace })
    const outputs = stdout.split(mark).slice(1)
    const [last, output] = [paths[outputs.length - 1], outputs.at(-1)]
    assert(last !== undefined && output !== undefined, stdout + stderr)
    if (exitCode === 0 && outputs.length === paths.length) return new Map<string, string>()
    return new Map([[last, output + stderr], ...yield* failures(paths.slice(outputs.length))])
  })

type Services = CodexHome.CodexHome | ChildProcessSpawner

class Failures extends Context.Service<Failures, ReadonlyMap<string, string>>()("test/Failures") {
  static readonly layer = Layer.effect(Failures, failures(programs.map(({ path }) => path))).pipe(
    Layer.provide(CodexHome.layer({ model: "gpt-5.5" })),
    Layer.provide(ScriptedModel.layer(script)),
    Layer.provide(NodeServices.layer)
  )
}

layer(Failures.layer, { timeout: "240 seconds", excludeTestServices: true })(
  "the programs in the documentation run",
  (it) => {
    for (const { file, line, path } of programs) {
      it.effect(`${relative(root, file)}:${line}`, () =>
        Effect.map(Failures, (failures) => assert.isUndefined(failures.get(path), failures.get(path))))
    }
  }
)
