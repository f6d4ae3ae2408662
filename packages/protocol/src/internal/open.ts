/**
 * The Schemas of open types. Decoding a union never fails: a variant that this version can't read becomes an {@link UnknownVariant},
 * so that the values around it still decode.
 *
 * The unions dispatch on the tag themselves, because a fallback member would make Effect's own union try its members one by one.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import * as SchemaTransformation from "effect/SchemaTransformation"

/**
 * Any JSON value, unchanged.
 *
 * @category models
 */
export type Json = Schema.Json

/**
 * Any JSON value, unchanged. The Schema does not traverse it, because a value that was parsed from a line is already JSON.
 *
 * @category schemas
 */
export const Json: Schema.Codec<Json> = Schema.Unknown as Schema.Codec<Json>

/**
 * Any JSON object, unchanged.
 *
 * @category models
 */
export type JsonObject = Schema.JsonObject

const isObject = (u: unknown): u is { readonly [key: string]: unknown } =>
  typeof u === "object" && u !== null && !Array.isArray(u)

/**
 * Any JSON object, unchanged.
 *
 * @category schemas
 */
export const JsonObject: Schema.Codec<JsonObject> = /*#__PURE__*/ Schema.declare(
  (u): u is JsonObject => isObject(u),
  { expected: "a JSON object", toCodecJson: () => undefined }
)

/**
 * A variant of a union that this version of the protocol does not know, or whose value does not have the known shape. `raw` is the
 * value as the server sent it.
 *
 * Its tag is `"$unknown"`, in the field that holds the tag of the union's known variants. So a `switch` over the tag narrows, and an
 * exhaustive `switch` must handle unknown variants. In a union without a tag, the field is `type`.
 *
 * @category models
 */
export type UnknownVariant<Tag extends string = "type"> =
  & { readonly [K in Tag]: "$unknown" }
  & {
    readonly raw: Json
    /** The reason why a known variant could not be decoded, with its path. Absent if the variant is unknown. */
    readonly issue?: string
  }

interface Variants<A> {
  readonly [value: string]: Schema.Codec<A>
}

/**
 * Decodes any value into an {@link UnknownVariant}, and encodes that as the original value. The cast is safe because the generator
 * adds this variant to every open union `A`.
 */
const unknownVariant = <A>(tag: string): Schema.Codec<A> =>
  Json.pipe(Schema.decodeTo(
    Schema.declare((u): u is { readonly raw: Json } => isObject(u) && u[tag] === "$unknown" && "raw" in u, {
      toCodecJson: () => undefined
    }),
    SchemaTransformation.transform({
      decode: (raw) => ({ [tag]: "$unknown", raw }),
      encode: (unknown) => unknown.raw
    })
  )) as Schema.Codec<unknown> as Schema.Codec<A>

const format = SchemaIssue.makeFormatterDefault()

/** Formats an issue on one line, with the expected type and the path. It omits the value, which may contain prompts and keys. */
const describe = (issue: SchemaIssue.Issue): string => format(issue).replaceAll(/\s*\n\s*/g, " ")

/**
 * A union whose variant `select` determines from the input. For encoding, Effect flips the variants and {@link unknownVariant}. The
 * flipped `unknownVariant` accepts nothing but an unknown variant, so one function serves both directions, and only decoding can
 * produce unknown variants.
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
    { expected: "an object", toCodecJson: () => undefined }
  )
}

type Parser<A> = (input: unknown, options: SchemaAST.ParseOptions) => Effect.Effect<A, SchemaIssue.Issue>

/** A union whose variants are discriminated by the field `tag`. */
export const taggedUnion = <A>(tag: string, variants: Variants<A>): Schema.Codec<A> =>
  dispatch(tag, variants, (input) => {
    const value = input[tag]
    if (typeof value === "string") return value
    const issue = value === undefined
      ? new SchemaIssue.MissingKey(undefined)
      : new SchemaIssue.InvalidValue(undefined, value)
    return new SchemaIssue.Pointer([tag], issue)
  })

/** A union of bare strings and of objects that their only key discriminates. */
export const keyedUnion = <A>(variants: Variants<A>): Schema.Codec<A | string> => {
  const keys = Object.keys(variants)
  const objects = dispatch(
    "type",
    variants,
    (input) => keys.find((key) => Object.hasOwn(input, key)) ?? "$unknown"
  )
  return Schema.Union([Schema.String, objects])
}

/** A union whose members are tried in order. Any other value is unknown, including a malformed one. */
export const untaggedUnion = <A>(members: ReadonlyArray<Schema.Codec<A>>): Schema.Codec<A> =>
  Schema.Union([...members, dispatch<A>("type", {}, () => "$unknown")])

/** A Schema that is built on first use. */
export const lazy = <S>(build: () => S): () => S => {
  let schema: S | undefined
  return () => schema ??= build()
}

/** A nullable Schema. Unlike in `Schema.NullOr`, null comes first: an open union would decode it as an unknown variant. */
export const nullOr = <S extends Schema.Constraint>(schema: S) => Schema.Union([Schema.Null, schema])

/** An optional field of a variant. An unreadable value is left out, like an unknown field. */
export const ifReadable = <A>(schema: Schema.Codec<A>) =>
  Schema.optionalKey(schema).pipe(Schema.catchDecoding(() => Effect.succeedNone))

/** A struct that keeps undeclared fields. It is slower than a struct, so only configuration, which is rarely read, uses it. */
export const extensible = <S extends Schema.Struct<Schema.Struct.Fields>>(struct: S) =>
  Schema.StructWithRest(struct, [Schema.Record(Schema.String, Schema.Unknown)])
