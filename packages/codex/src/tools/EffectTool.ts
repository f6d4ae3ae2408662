/**
 * Recognition of the values of `effect/ai` by their public brands.
 *
 * A program with a toolkit has loaded `effect/ai`, and one without need not: its modules are heavy, and a dynamic import
 * would split every bundle. The types below fail to compile if a brand changes.
 */
import type { AiError } from "effect/ai/AiError"
import type * as Tool from "effect/ai/Tool"
import * as Context from "effect/Context"
import type * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as SchemaAST from "effect/SchemaAST"

const ProviderDefined: typeof Tool.ProviderDefinedTypeId = "~effect/ai/Tool/ProviderDefined"

const Dynamic: typeof Tool.DynamicTypeId = "~effect/ai/Tool/Dynamic"

/** Returns true if a model provider runs the tool. */
export const isProviderDefined = (tool: Tool.Any): boolean => Predicate.hasProperty(tool, ProviderDefined)

/** Returns the JSON Schema of a dynamic tool. Returns undefined for tools whose parameters are a Schema. */
export const dynamicSchema = (tool: Tool.Any): JsonSchema.JsonSchema | undefined =>
  Predicate.hasProperty(tool, Dynamic) ? (tool as Tool.AnyDynamic).jsonSchema : undefined

/** Returns the description of a tool: its own, or that of its parameters. */
export const descriptionOf = (tool: Tool.Any): string | undefined =>
  tool.description ?? SchemaAST.resolveDescription(tool.parametersSchema.ast)

const isAiErrorTag: AiError["_tag"] = "AiError"

/** Returns true if the toolkit itself failed, rather than the handler of a tool. */
export const isAiError = (error: unknown): error is AiError => Predicate.isTagged(error, isAiErrorTag)

/** The annotation of a toolkit's failures with their origin: the same reference as `Toolkit.FailureOrigin`. */
export const FailureOrigin: Context.Reference<Tool.FailureOrigin> = Context.Reference<Tool.FailureOrigin>(
  "effect/ai/Toolkit/FailureOrigin",
  { defaultValue: () => "result" }
)
