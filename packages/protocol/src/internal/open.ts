/**
 * Schemas of unions that stay open: a variant that this version does not know becomes {@link UnknownVariant}, while a malformed
 * variant that it does know is an issue with its path.
 *
 * They dispatch by themselves, because a fallback member would make Effect's own union try its members one by one.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as SchemaTransformation from "effect/SchemaTransformation"

/**
 * Any JSON value, as it came.
 *
 * @category models
 */
export type Json = Schema.Json

/**
 * Any JSON value, as it came. It is not walked: what was parsed from a line is JSON already.
 *
 * @category schemas
 */
export const Json: Schema.Codec<Json> = Schema.Unknown as Schema.Codec<Json>

/**
 * A JSON object with whatever fields, as it came.
 *
 * @category models
 */
export type JsonObject = Schema.JsonObject

const isObject = (u: unknown): u is { readonly [key: string]: unknown } =>
  typeof u === "object" && u !== null && !Array.isArray(u)

/**
 * A JSON object with whatever fields, as it came.
 *
 * @category schemas
 */
export const JsonObject: Schema.Codec<JsonObject> = /*#__PURE__*/ Schema.declare(
  (u): u is JsonObject => isObject(u),
  { expected: "a JSON object" }
)

/**
 * A variant of a union that this version of the protocol does not know, with the value as the server sent it.
 *
 * It carries `"$unknown"` where the union's known variants carry their tag, so a `switch` over the tag narrows, and one that is
 * exhaustive has to say what happens to unknown variants. In a union without a tag it is recognised by `type`.
 *
 * @category models
 */
export type UnknownVariant<Tag extends string = "type"> =
  & { readonly [K in Tag]: "$unknown" }
  & { readonly raw: Json }

interface Variants<A> {
  readonly [value: string]: Schema.Codec<A>
}

/**
 * Decodes anything into an {@link UnknownVariant}, and encodes that as what it was. The cast says what the generator sees to: an
 * open union `A` has this variant.
 */
const unknownVariant = <A>(tag: string): Schema.Codec<A> =>
  Json.pipe(Schema.decodeTo(
    Schema.declare((u): u is { readonly raw: Json } => isObject(u) && u[tag] === "$unknown" && "raw" in u),
    SchemaTransformation.transform({
      decode: (raw) => ({ [tag]: "$unknown", raw }),
      encode: (unknown) => unknown.raw
    })
  )) as Schema.Codec<unknown> as Schema.Codec<A>

/**
 * A union that asks `select` which variant the input claims to be. In the direction of encoding the variants are the flipped
 * ones, and what encodes the unknown is the flipped {@link unknownVariant}: so one function serves both ways.
 */
const dispatch = <A>(
  tag: string,
  variants: Variants<A>,
  select: (input: { readonly [key: string]: unknown }) => string | SchemaIssue.Issue
): Schema.Codec<A> => {
  const indexes = new Map(Object.keys(variants).map((value, index) => [value, index]))
  return Schema.declareConstructor<A>()(
    [...Object.values(variants), unknownVariant<A>(tag)],
    (codecs) => {
      const parsers = codecs.map((): Parser<A> | undefined => undefined)
      return (input, ast, options) => {
        if (!isObject(input)) return Effect.fail(new SchemaIssue.InvalidType(ast, input, options))
        const value = select(input)
        if (typeof value !== "string") return Effect.fail(value)
        const index = indexes.get(value) ?? indexes.size
        const parse = parsers[index] ??= SchemaParser.decodeUnknownEffect(codecs[index]!)
        return parse(input, options)
      }
    }
  )
}

type Parser<A> = (input: unknown, options: SchemaAST.ParseOptions) => Effect.Effect<A, SchemaIssue.Issue>

/** A union whose variants carry their name in the field `tag`. */
export const taggedUnion = <A>(tag: string, variants: Variants<A>): Schema.Codec<A> =>
  dispatch(tag, variants, (input) => {
    const value = input[tag]
    if (typeof value === "string") return value
    const issue = value === undefined
      ? new SchemaIssue.MissingKey(undefined)
      : new SchemaIssue.InvalidValue(undefined, value)
    return new SchemaIssue.Pointer([tag], issue)
  })

/** A union of bare strings and of objects that carry their name as their only key. */
export const keyedUnion = <A>(variants: Variants<A>): Schema.Codec<A | string> => {
  const keys = Object.keys(variants)
  const objects = dispatch(
    "type",
    variants,
    (input) => keys.find((key) => Object.hasOwn(input, key)) ?? "$unknown"
  )
  return Schema.Union([Schema.String, objects])
}

/** A union whose members are tried in order. Any other object is unknown, also a malformed one. */
export const untaggedUnion = <A>(members: ReadonlyArray<Schema.Codec<A>>): Schema.Codec<A> =>
  Schema.Union([...members, dispatch<A>("type", {}, () => "$unknown")])

/** A struct that keeps the fields which it does not declare. Slower than a struct: for rarely read configuration alone. */
export const extensible = <S extends Schema.Struct<Schema.Struct.Fields>>(struct: S) =>
  Schema.StructWithRest(struct, [Schema.Record(Schema.String, Schema.Unknown)])
