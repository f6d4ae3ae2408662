/**
 * Typed answers: the model is held to the JSON Schema of an Effect Schema, and its final answer is decoded with it.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as definitions from "./base/definitions.ts"
import { InvalidInputError, OutputDecodeError } from "./model/CodexError.ts"
import type { TurnResult } from "./model/TurnResult.ts"

/**
 * A Schema that an answer can be held to. `RD` is what decoding requires.
 *
 * @category models
 */
export type OutputSchema<A, RD = never> = Schema.ConstraintCodec<A, unknown, RD, unknown>

/**
 * The result of a turn whose answer was asked for with a Schema.
 *
 * @category models
 */
export interface TypedResult<out A> extends TurnResult {
  /** The final answer, decoded. */
  readonly output: A
}

/**
 * The last event of a stream whose answer was asked for with a Schema.
 *
 * @category models
 */
export interface OutputEvent<out A> {
  readonly method: "$output"
  /** The final answer, decoded. */
  readonly output: A
  /** What the turn has come to, with the answer as text. */
  readonly result: TurnResult
}

/** What a Schema comes to: what the model is told, and how its answer is read. */
export interface Output<out A, out RD = never> {
  /** Sent as `outputSchema` of the turn. */
  readonly jsonSchema: Protocol.JsonObject
  /** Decodes the final answer of a turn. */
  readonly decode: (result: TurnResult) => Effect.Effect<TypedResult<A>, OutputDecodeError, RD>
}

/** As the model takes it: a JSON Schema, and the codec for what comes back. */
type Codec<A, RD> = {
  readonly jsonSchema: Protocol.JsonObject
  readonly codec: Schema.ConstraintCodec<A, unknown, RD, unknown>
}

/**
 * Prepares a Schema. One whose JSON Schema is not an object, such as a union or an array, is wrapped in an object for the
 * model, as its `value`, and unwrapped again. Fails if JSON Schema, as the model takes it, can't express it.
 */
export const make = Effect.fnUntraced(function*<A, RD>(
  schema: OutputSchema<A, RD>
): Effect.fn.Return<Output<A, RD>, InvalidInputError> {
  // Loaded when it is needed: it is heavy, and few programs need it.
  const { toCodecOpenAI } = yield* Effect.promise(() => import("effect/ai/OpenAiStructuredOutput"))
  const convert = <B>(schema: OutputSchema<B, RD>) =>
    Effect.try({
      try: (): Codec<B, RD> => {
        const { codec, jsonSchema } = toCodecOpenAI(schema)
        // Its type says unknown values, but a JSON Schema is JSON.
        return { codec, jsonSchema: jsonSchema as Protocol.JsonObject }
      },
      catch: (error) => refused(error instanceof Error ? error.message : String(error))
    })
  return yield* Effect.matchEffect(convert(schema), {
    onFailure: () =>
      Effect.flatMap(
        convert(Schema.Struct({ value: schema })),
        (codec) => output(codec, ({ value }) => value)
      ),
    onSuccess: (codec) => output(codec, (value) => value)
  })
})

const refused = (detail: string) =>
  new InvalidInputError({ field: "output", detail: `the model can't be held to this Schema: ${detail}` })

/**
 * The path to the first place of a JSON Schema that leaves open what stands there. The model takes none of that, and
 * it is also what becomes of a value that has no JSON form, such as an instance of a class.
 */
const openPlace = (root: Protocol.JsonObject): string | undefined => {
  const seen = new Set<string>()
  const visit = (schema: Protocol.Json | undefined, path: string): string | undefined => {
    if (!isObject(schema)) return path
    if (typeof schema["$ref"] === "string") {
      const name = definitions.nameOf(schema["$ref"])
      if (seen.has(name)) return undefined
      seen.add(name)
      return visit(isObject(root["$defs"]) ? root["$defs"][name] : undefined, path)
    }
    if (Array.isArray(schema["anyOf"])) return first(schema["anyOf"], (member) => visit(member, path))
    if (schema["type"] === "array") return visit(schema["items"], `${path}[]`)
    if (schema["type"] !== "object") return schema["type"] === undefined ? path : undefined
    if (!isObject(schema["properties"])) return path
    return first(Object.entries(schema["properties"]), ([key, property]) => visit(property, `${path}["${key}"]`))
  }
  return visit(root, "")
}

const isObject = (value: Protocol.Json | undefined): value is Protocol.JsonObject => Predicate.isObject(value)

const first = <A, B>(items: ReadonlyArray<A>, f: (item: A) => B | undefined): B | undefined => {
  for (const item of items) {
    const found = f(item)
    if (found !== undefined) return found
  }
  return undefined
}

const output = <A, B, RD>(
  { codec, jsonSchema }: Codec<B, RD>,
  unwrap: (value: B) => A
): Effect.Effect<Output<A, RD>, InvalidInputError> => {
  const open = openPlace(jsonSchema)
  if (open !== undefined) {
    return Effect.fail(refused(`it does not say what JSON stands at ${open}, and needs a type with a JSON form there`))
  }
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(codec), { errors: "all" })
  return Effect.succeed({
    jsonSchema,
    decode: (result) => {
      const failed = (issue: string) =>
        new OutputDecodeError({
          threadId: result.threadId,
          turnId: result.id,
          text: result.finalResponse,
          issue,
          result
        })
      if (result.finalResponse === null) {
        return Effect.fail(failed("there is no final answer"))
      }
      return Effect.mapBoth(decode(result.finalResponse), {
        onFailure: (error) => failed(error.message),
        onSuccess: (value) => ({ ...result, output: unwrap(value) })
      })
    }
  })
}
