/**
 * Structs that refuse unknown keys, whatever the options of the decoder. In configuration, an unknown key is a mistake that
 * changes the meaning of the others.
 */
import * as Schema from "effect/Schema"
import * as SchemaTransformation from "effect/SchemaTransformation"

type Fields = { readonly [name: string]: unknown }

/** Returns a Schema for the same values, which fails on keys that the struct does not have. */
export const exactly = <S extends Schema.Codec<object, object> & { readonly fields: Fields }>(
  struct: S
): Schema.Codec<S["Type"], S["Encoded"]> => {
  const known = Object.keys(struct.fields)
  const keys = Schema.makeFilter((value: object) => {
    const unknown = Object.keys(value).find((key) => !known.includes(key))
    return unknown === undefined ? undefined : `${JSON.stringify(unknown)} is not one of ${known.join(", ")}`
  })
  return Schema.declare((value): value is S["Encoded"] => typeof value === "object" && value !== null).check(keys).pipe(
    Schema.decodeTo<Schema.Codec<S["Type"], S["Encoded"]>, Schema.Codec<S["Encoded"]>>(
      struct,
      SchemaTransformation.passthrough()
    )
  )
}
