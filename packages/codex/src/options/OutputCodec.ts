/**
 * Codecs of typed answers: the JSON Schema that the model must follow, and the decoding of its final answer.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
// Imported statically: it costs about 5 ms, and a dynamic import would split the bundle of every program.
import { toCodecOpenAI } from "effect/ai/OpenAiStructuredOutput"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as definitions from "../base/definitions.ts"
import { textOf } from "../base/text.ts"
import { InvalidInputError, OutputDecodeError } from "../model/errors/CodexError.ts"
import type { TurnResult } from "../model/turns/TurnResult.ts"

/**
 * A Schema for the final answer of a turn. `RD` are the services that decoding requires.
 *
 * @category models
 */
export type OutputSchema<A, RD = never> = Schema.ConstraintCodec<A, unknown, RD, unknown>

/**
 * The result of a turn that was started with an `output` Schema.
 *
 * @category models
 */
export interface TypedResult<out A> extends TurnResult {
  /** The final answer, decoded. */
  readonly output: A
}

/**
 * The last event of a stream that was started with an `output` Schema.
 *
 * @category models
 */
export interface OutputEvent<out A> {
  readonly method: "$output"
  /** The final answer, decoded. */
  readonly output: A
  /** The result of the turn, with the answer as text. */
  readonly result: TurnResult
}

/** A Schema, prepared for a turn. */
export interface OutputCodec<out A, out RD = never> {
  /** Sent as `outputSchema` of the turn. */
  readonly jsonSchema: Protocol.JsonObject
  /** Decodes the final answer of a turn. */
  readonly decode: (result: TurnResult) => Effect.Effect<TypedResult<A>, OutputDecodeError, RD>
}

/** A Schema in the form that the model supports: its JSON Schema, and the codec of the answer. */
type Codec<A, RD> = {
  readonly jsonSchema: Protocol.JsonObject
  /** The first place that allows any value. */
  readonly openPlace: string | undefined
  readonly codec: Schema.ConstraintCodec<A, unknown, RD, unknown>
}

/**
 * Prepares a Schema for a turn whose result arrives in another way than from `run`, such as from a host of threads. If its JSON Schema is not an object (a union or an array, for example), the model returns an object with
 * one field, `value`, and decoding unwraps it. Fails with `InvalidInputError` if the model does not support the Schema.
 */
export const codec = Effect.fnUntraced(function*<A, RD>(
  schema: OutputSchema<A, RD>
): Effect.fn.Return<OutputCodec<A, RD>, InvalidInputError> {
  if (!Schema.isSchema(schema)) return yield* notSchema()
  const convert = <B>(schema: OutputSchema<B, RD>) =>
    Effect.try({
      try: (): Codec<B, RD> => {
        const { codec, jsonSchema: schemaOfValues } = toCodecOpenAI(schema)
        // Its type has unknown values, but a JSON Schema is JSON.
        const jsonSchema = schemaOfValues as Protocol.JsonObject
        return { codec, jsonSchema, openPlace: openPlace(jsonSchema) }
      },
      // A Schema may also be nested more deeply than the stack is.
      catch: (error) => refused(error instanceof Error ? error.message : textOf(error))
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

const notSchema = () =>
  new InvalidInputError({
    field: "output",
    detail: "it is not an Effect Schema; pass a JSON Schema as `outputSchema`, and the answer stays text"
  })

const refused = (detail: string) =>
  new InvalidInputError({ field: "output", detail: `the model can't be held to this Schema: ${detail}` })

/**
 * Returns the path to the first place of a JSON Schema that allows any value. The model accepts no such Schema. A value
 * without a JSON form, such as an instance of a class, ends up the same way.
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
  { codec, jsonSchema, openPlace: open }: Codec<B, RD>,
  unwrap: (value: B) => A
): Effect.Effect<OutputCodec<A, RD>, InvalidInputError> => {
  if (open !== undefined) {
    return Effect.fail(refused(`it allows any JSON at ${open}; use a type with a JSON form there`))
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
      return decode(result.finalResponse).pipe(
        Effect.mapBoth({
          onFailure: (error) => failed(error.message),
          onSuccess: (value) => ({ ...result, output: unwrap(value) })
        }),
        // The answer is nested more deeply than the stack is.
        Effect.catchDefect((defect) =>
          defect instanceof RangeError ? Effect.fail(failed(defect.message)) : Effect.die(defect)
        )
      )
    }
  })
}
