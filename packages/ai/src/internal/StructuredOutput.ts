/**
 * Structured output: Schemas as the model takes them.
 */
import type { CodecTransformer } from "effect/ai/LanguageModel"
import { toCodecOpenAI } from "effect/ai/OpenAiStructuredOutput"
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

/**
 * Transforms a Schema. If its JSON Schema is not an object (a union or an array, for example), the model is asked for an
 * object with one field, `value`, and the answer is unwrapped again. Throws if the model can't be held to the Schema.
 */
export const transform: CodecTransformer = (schema) => {
  try {
    return toCodecOpenAI(schema)
  } catch {
    const { codec, jsonSchema } = toCodecOpenAI(Schema.Struct({ value: schema }))
    return { codec: unwrapped(codec, Schema.toType(schema)), jsonSchema }
  }
}

const unwrapped = <T, RD, RE>(
  wrapped: Schema.ConstraintCodec<{ readonly value: T }, unknown, RD, RE>,
  type: Schema.ConstraintCodec<T, T>
): Schema.ConstraintCodec<T, unknown, RD, RE> =>
  Schema.decodeTo<typeof type, typeof wrapped>(
    type,
    SchemaTransformation.transform({
      decode: ({ value }: { readonly value: T }) => value,
      encode: (value: T) => ({ value })
    })
  )(wrapped)
