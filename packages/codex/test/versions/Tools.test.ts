/** Effect tools, on every supported version of the server: see `Core.test.ts`. */
import { Reply } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { type Thread, Tools } from "effect-codex"
import { Prompt, Tool, Toolkit } from "effect/ai"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { scripted, setup } from "../real/utils.ts"

const crm = { name: "crm", description: "What we know of our customers" }
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

const toolkit = Toolkit.make(
  Tool.make("count", { parameters: Schema.Struct({ of: Schema.String }), success: Schema.Int }),
  Tool.make("fails", { failure: Schema.String }),
  Tool.make("find", { success: Schema.String }).annotate(Tools.Namespace, crm),
  Tool.make("late", { success: Schema.String }).annotate(Tools.Namespace, crm).annotate(Tools.DeferLoading, true),
  Tool.make("picture", { toModelOutput: () => [Prompt.filePart({ mediaType: "image/png", data: pixel })] }),
  Tool.make("sound", { toModelOutput: () => [Prompt.filePart({ mediaType: "audio/wav", data: "AAAA" })] })
)

const handlers = toolkit.toLayer({
  count: ({ of }) => Effect.succeed(of.length),
  fails: () => Effect.fail("not today"),
  find: () => Effect.succeed("found"),
  late: () => Effect.succeed("late"),
  picture: () => Effect.void,
  sound: () => Effect.void
})

describe("every version", () => {
  it.live("calls tools, of a started, a forked and a resumed thread", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      /** The output of a call, as the model sees it. */
      const call = Effect.fnUntraced(function*(thread: Thread.Thread, name: string, args = {}, namespace?: string) {
        yield* model.enqueue(
          Reply.functionCall({ name, arguments: args, ...(namespace === undefined ? {} : { namespace }) }),
          Reply.text("done")
        )
        yield* thread.run("go")
        return JSON.stringify((yield* model.requests).at(-1)?.inputItems("function_call_output").at(-1)?.["output"])
      })
      const thread = yield* codex.threadStart({ tools: toolkit })
      assert.strictEqual(yield* call(thread, "count", { of: "lamp" }), `"4"`)
      const offered = [...(yield* model.requests)[0]!.toolNames]
      assert.include(offered, "crm.find")
      assert.notInclude(offered, "crm.late")
      assert.strictEqual(yield* call(thread, "fails"), `"The tool fails failed: not today"`)
      assert.strictEqual(yield* call(thread, "find", {}, "crm"), `"found"`)
      assert.strictEqual(yield* call(thread, "late", {}, "crm"), `"late"`)
      assert.include(yield* call(thread, "picture"), `data:image/png;base64,${pixel}`)
      // Servers before 0.150 take no sound, and this model none of any: both are told in words.
      assert.match(yield* call(thread, "sound"), /audio\/wav, which can't be shown|audio content omitted/)
      const fork = yield* codex.threadFork(thread.id, { tools: toolkit })
      assert.strictEqual(yield* call(fork, "count", { of: "chair" }), `"5"`)
      const resumed = yield* codex.threadResume(thread.id, { tools: toolkit })
      assert.strictEqual(yield* call(resumed, "count", { of: "x" }), `"1"`)
    }).pipe(Effect.provide(handlers), scripted))
})
