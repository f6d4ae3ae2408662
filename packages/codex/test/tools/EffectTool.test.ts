/** Values of `effect/ai`, recognized without loading its modules. */
import { assert, it } from "@effect/vitest"
import { AiError, Tool, Toolkit } from "effect/ai"
import * as Schema from "effect/Schema"
import * as EffectTool from "../../src/tools/EffectTool.ts"

const plain = Tool.make("plain", { description: "Plain" })
const described = Tool.make("described", {
  parameters: Schema.Struct({}).annotate({ description: "By its parameters" })
})
const dynamic = Tool.dynamic("dynamic", { parameters: { type: "object" } })
const dynamicSchema = Tool.dynamic("dynamicSchema", { parameters: Schema.Struct({ a: Schema.String }) })
const provider = Tool.providerDefined({ id: "openai.search", customName: "search", providerName: "search" })(void 0)

it("agrees with Effect on every kind of tool", () => {
  for (const tool of [plain, described, dynamic, dynamicSchema, provider] as ReadonlyArray<Tool.Any>) {
    assert.strictEqual(EffectTool.isProviderDefined(tool), Tool.isProviderDefined(tool), tool.name)
    assert.strictEqual(EffectTool.dynamicSchema(tool), Tool.isDynamic(tool) ? tool.jsonSchema : undefined, tool.name)
    assert.strictEqual(EffectTool.descriptionOf(tool), Tool.getDescription(tool), tool.name)
  }
})

it("agrees with Effect on the errors of a toolkit, and on their origin", () => {
  const reason = new AiError.InvalidRequestError({ description: "no" })
  for (const error of [AiError.make({ module: "m", method: "f", reason }), reason, new Error("no"), null, "AiError"]) {
    assert.strictEqual(EffectTool.isAiError(error), AiError.isAiError(error))
  }
  assert.strictEqual(EffectTool.FailureOrigin.key, Toolkit.FailureOrigin.key)
})
