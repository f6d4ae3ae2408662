import { CodexHome, ScriptedModel } from "@effect-codex/testing"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { join, relative } from "node:path"
import { script } from "../../examples/src/shared/OfflineModel.ts"
import { type Outcome, runAll } from "../../examples/test/program.ts"
import { type Block, blocksOf, moduleOf, writeBlocks } from "../src/docs.ts"
import { root } from "../src/problem.ts"

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

class Outcomes extends Context.Service<Outcomes, ReadonlyMap<string, Outcome>>()("test/Outcomes") {
  static readonly layer = Layer.effect(
    Outcomes,
    CodexHome.CodexHome.use(({ env, workspace }) => runAll(programs.map(({ path }) => path), { env, cwd: workspace }))
  ).pipe(
    Layer.provide(CodexHome.layer({ model: "gpt-5.5" })),
    Layer.provide(ScriptedModel.layer(script)),
    Layer.provide(NodeServices.layer)
  )
}

layer(Outcomes.layer, { timeout: "5 minutes", excludeTestServices: true })(
  "the programs in the documentation run",
  (it) => {
    for (const { file, line, path } of programs) {
      it.effect(`${relative(root, file)}:${line}`, () =>
        Effect.map(Outcomes, (outcomes) => {
          const { exitCode, stderr, stdout } = outcomes.get(path)!
          assert.strictEqual(exitCode, 0, stdout + stderr)
        }))
    }
  }
)
