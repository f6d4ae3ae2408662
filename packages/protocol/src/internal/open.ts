/**
 * Schemas of what stays open. A union never fails to decode: what this version can't read becomes {@link UnknownVariant}, so that
 * one unknown part costs nothing around it.
 *
 * Unions dispatch by themselves, because a fallback member would make Effect's own union try its members one by one.
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
 * A variant of a union that this version of the protocol does not know, or that does not have the shape that it knows, with the
 * value as the server sent it.
 *
 * It carries `"$unknown"` where the union's known variants carry their tag, so a `switch` over the tag narrows, and one that is
 * exhaustive has to say what happens to unknown variants. In a union without a tag it is recognised by `type`.
 *
 * @category models
 */
export type UnknownVariant<Tag extends string = "type"> =
  & { readonly [K in Tag]: "$unknown" }
  & {
    readonly raw: Json
    /** Where this version knows the variant: what does not fit, and at which path. */
    readonly issue?: string
  }

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

const format = SchemaIssue.makeFormatterDefault()

/** What was expected, and at which path, on one line. It never shows the value, which may hold prompts and keys. */
const describe = (issue: SchemaIssue.Issue): string => format(issue).replaceAll(/\s*\n\s*/g, " ")

/**
 * A union that asks `select` which variant the input claims to be. In the direction of encoding the variants are the flipped
 * ones, and what encodes the unknown is the flipped {@link unknownVariant}, which takes nothing else: so one function serves both
 * ways, and only what is decoded can turn out to be unknown.
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
      const parserAt = (index: number): Parser<A> => parsers[index] ??= SchemaParser.decodeUnknownEffect(codecs[index]!)
      return (input, ast, options) => {
        const unknown = (issue: SchemaIssue.Issue) =>
          parserAt(indexes.size)(input, options).pipe(
            Effect.mapBoth({ onSuccess: (value) => ({ ...value, issue: describe(issue) }), onFailure: () => issue })
          )
        if (!isObject(input)) return unknown(new SchemaIssue.InvalidType(ast, input, options))
        const value = select(input)
        if (typeof value !== "string") return unknown(value)
        const index = indexes.get(value) ?? indexes.size
        return index === indexes.size
          ? parserAt(index)(input, options)
          : Effect.catch(parserAt(index)(input, options), unknown)
      }
    },
    { expected: "an object" }
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

/** A union whose members are tried in order. Anything else is unknown, also what is malformed. */
export const untaggedUnion = <A>(members: ReadonlyArray<Schema.Codec<A>>): Schema.Codec<A> =>
  Schema.Union([...members, dispatch<A>("type", {}, () => "$unknown")])

/** What can be null. As `Schema.NullOr`, but null comes first: to an open union it would be an unknown variant. */
export const nullOr = <S extends Schema.Constraint>(schema: S) => Schema.Union([Schema.Null, schema])

/** An optional field of a variant. A value that can't be read is left out, as a field would be that this version does not know. */
export const ifReadable = <A>(schema: Schema.Codec<A>) =>
  Schema.optionalKey(schema).pipe(Schema.catchDecoding(() => Effect.succeedNone))

/** A struct that keeps the fields which it does not declare. Slower than a struct: for rarely read configuration alone. */
export const extensible = <S extends Schema.Struct<Schema.Struct.Fields>>(struct: S) =>
  Schema.StructWithRest(struct, [Schema.Record(Schema.String, Schema.Unknown)])
