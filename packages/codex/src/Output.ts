/**
 * Typed answers: the model is held to the JSON Schema of an Effect Schema, and its final answer is decoded with it.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { InvalidInputError, OutputDecodeError } from "./CodexError.ts"
import type { TurnResult } from "./TurnResult.ts"

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
 * model, and unwrapped again. Fails if JSON Schema, as the model takes it, can't express it.
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
      catch: (error) =>
        new InvalidInputError({
          field: "output",
          detail: `the Schema can't be expressed as JSON Schema (${error instanceof Error ? error.message : error})`
        })
    })
  return yield* Effect.map(convert(schema), ({ codec, jsonSchema }) => output(jsonSchema, codec, (value) => value))
    .pipe(
      Effect.catch(() =>
        Effect.map(
          convert(Schema.Struct({ value: schema })),
          ({ codec, jsonSchema }) => output(jsonSchema, codec, ({ value }) => value)
        )
      )
    )
})

const output = <A, B, RD>(
  jsonSchema: Protocol.JsonObject,
  codec: Schema.ConstraintCodec<B, unknown, RD, unknown>,
  unwrap: (value: B) => A
): Output<A, RD> => {
  const decode = Schema.decodeUnknownEffect(Schema.fromJsonString(codec))
  return {
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
        return Effect.fail(failed(`the turn ended with status ${result.status}, and without a final answer`))
      }
      return Effect.mapBoth(decode(result.finalResponse), {
        onFailure: (error) => failed(error.message),
        onSuccess: (value) => ({ ...result, output: unwrap(value) })
      })
    }
  }
}
