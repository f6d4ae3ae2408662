/**
 * Schemas of the Promise API: Effect Schemas and Standard Schemas, such as those of zod and valibot. Both become an Effect Schema,
 * so that typed answers and tools treat them alike.
 */
import * as Effect from "effect/Effect"
import * as JsonSchema from "effect/JsonSchema"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaRepresentation from "effect/SchemaRepresentation"
import type { StandardJSONSchemaV1, StandardSchemaV1 } from "effect/StandardSchema"
import { messageOf } from "../base/text.ts"
import { InvalidInputError } from "../model/errors/CodexError.ts"

/**
 * A Schema of values `A`: an Effect Schema, or a Standard Schema that also has a JSON Schema (`~standard.jsonSchema`). Schemas of
 * zod 4.2 and later have one; `toStandardJsonSchema` of `@valibot/to-json-schema` adds it to those of valibot.
 *
 * @category models
 */
export type AnySchema<A> = Schema.ConstraintCodec<A, unknown, never, unknown> | StandardSchemaV1<unknown, A>

/** An Effect Schema of values `A`. */
export type EffectSchema<A> = Schema.Top & Schema.ConstraintCodec<A, unknown, never, unknown>

type Standard<A> = StandardSchemaV1<unknown, A> & Partial<StandardJSONSchemaV1<unknown, A>>

const isStandard = <A>(value: AnySchema<A>): value is Standard<A> =>
  (Predicate.isObject(value) || typeof value === "function")
  && Predicate.hasProperty(value, "~standard")
  && Predicate.hasProperty(value["~standard"], "validate")

/** Describes the issues of a validation, with their paths. */
const describe = (issues: ReadonlyArray<StandardSchemaV1.Issue>): string =>
  issues.map(({ message, path = [] }) => {
    const keys = path.map((part) => JSON.stringify(String(Predicate.isObject(part) ? part.key : part)))
    return keys.length === 0 ? message : `${message} at [${keys.join("][")}]`
  }).join("; ")

/** Validates a value with a Standard Schema. */
const validate = <A>(schema: Standard<A>) => (value: unknown): Effect.Effect<A, SchemaIssue.Issue> =>
  Effect.flatMap(
    Effect.tryPromise({
      try: async () => schema["~standard"].validate(value),
      // A check of the Schema threw.
      catch: (error) => new SchemaIssue.InvalidValue({ message: messageOf(error) }, value)
    }),
    (result) =>
      result.issues === undefined
        ? Effect.succeed(result.value)
        : Effect.fail(new SchemaIssue.InvalidValue({ message: describe(result.issues) }, value))
  )

/** Closes an object whose JSON Schema does not mention other fields: the model must not invent them. */
const closed = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema =>
  schema["properties"] !== undefined && schema["additionalProperties"] === undefined
    ? { ...schema, additionalProperties: false }
    : schema

const refused = (field: string, detail: string) => Result.fail(new InvalidInputError({ field, detail }))

/**
 * Returns an Effect Schema for any Schema, at once: an Effect would hide the caller from the stacks of errors. Fails with
 * `InvalidInputError` on `field` for other values, and for a Standard Schema without a JSON Schema, or with one that cannot be
 * translated.
 */
export const toEffectSchema = <A>(
  schema: AnySchema<A>,
  field: string
): Result.Result<EffectSchema<A>, InvalidInputError> => {
  // A Schema of both kinds is an Effect Schema of the same values.
  if (Schema.isSchema(schema)) return Result.succeed(schema as EffectSchema<A>)
  if (!isStandard(schema)) {
    return refused(field, "it is neither an Effect Schema nor a Standard Schema, such as one of zod or valibot")
  }
  const { jsonSchema, vendor } = schema["~standard"]
  if (jsonSchema === undefined) {
    return refused(
      field,
      vendor === "valibot"
        ? "it has no JSON Schema; pass toStandardJsonSchema(schema), from @valibot/to-json-schema"
        : `it has no JSON Schema (~standard.jsonSchema), which the model needs; use a version of ${vendor} that adds it`
    )
  }
  return Result.map(
    Result.try({
      try: () =>
        SchemaRepresentation.fromJsonSchemaDocument(
          JsonSchema.fromSchemaDraft2020_12(jsonSchema.input({ target: "draft-2020-12" })),
          { onEnter: closed, patterns: "apply" }
        ),
      catch: (error) =>
        new InvalidInputError({
          field,
          detail: `its JSON Schema can't be used: ${messageOf(error)}`
        })
    }),
    (json) =>
      // A JSON Schema needs no services, and the Standard Schema returns values of its type.
      json.pipe(Schema.decodeTo(
        Schema.Any,
        {
          decode: SchemaGetter.transformEffect(validate(schema)),
          encode: SchemaGetter.forbidden(() => "A Standard Schema only decodes")
        }
      )) as Schema.Top as EffectSchema<A>
  )
}
