import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaParser from "effect/SchemaParser"
import * as Checks from "../src/generated/checks.ts"
import * as Incoming from "../src/generated/incoming.ts"
import { extraField, mutants, sample } from "./utils/sample.ts"

const schemas = new Map<string, Schema.Codec<unknown>>(Object.entries(Incoming))

const definitions = Object.entries(Checks).map(([name, check]) => {
  const schema = schemas.get(name.slice("is".length))
  assert.isDefined(schema, `${name} checks no definition`)
  return { name: name.slice("is".length), check: check as (u: unknown) => boolean, schema: schema! }
})

const isRecord = (u: unknown): u is Record<string, unknown> => typeof u === "object" && u !== null

const hasUnknownVariant = (value: unknown): boolean =>
  isRecord(value) && (
    ("raw" in value && Object.values(value).includes("$unknown")) || Object.values(value).some(hasUnknownVariant)
  )

/** Whether decoding only left out fields that satisfy `isExtra`. */
const isKept = (decoded: unknown, input: unknown, isExtra: (key: string) => boolean): boolean => {
  if (!isRecord(decoded) || !isRecord(input)) return decoded === input
  return Array.isArray(decoded) === Array.isArray(input) &&
    (!Array.isArray(decoded) || decoded.length === Object.keys(input).length) &&
    Object.keys(input).every((key) => Object.hasOwn(decoded, key) || isExtra(key)) &&
    Object.keys(decoded).every((key) => Object.hasOwn(input, key) && isKept(decoded[key], input[key], isExtra))
}

/** The expected result of a check: whether the Schema decodes the value to itself. */
const assertAgree = ({ check, decode, isExtra, name }: {
  readonly name: string
  readonly check: (u: unknown) => boolean
  readonly decode: (u: unknown) => Result.Result<unknown, unknown>
  readonly isExtra: (key: string) => boolean
}, input: unknown): void => {
  const decoded = decode(input)
  const conforms = Result.isSuccess(decoded) && !hasUnknownVariant(decoded.success) &&
    isKept(decoded.success, input, isExtra)
  if (check(input) !== conforms) {
    assert.fail(`The check of ${name} says ${check(input)}, its Schema ${conforms}: ${JSON.stringify(input)}`)
  }
}

/** Whether a Schema contains a field that is left out if it is unreadable. */
const leavesFieldsOut = (ast: SchemaAST.AST): boolean => {
  if (ast.encoding?.some(({ transformation }) => transformation._tag === "Middleware") === true) return true
  switch (ast._tag) {
    case "Arrays":
      return ast.rest.some(leavesFieldsOut)
    case "Declaration":
      return ast.typeParameters.some(leavesFieldsOut)
    case "Union":
      return ast.types.some(leavesFieldsOut)
    case "Objects":
      return [...ast.propertySignatures, ...ast.indexSignatures].some(({ type }) => leavesFieldsOut(type))
    default:
      return false
  }
}

describe("Checks", () => {
  it("exist for every struct and union that the server sends", () => {
    const unchecked = [...schemas].filter(([name, { ast }]) =>
      (ast._tag === "Objects" || (ast._tag === "Declaration" && ast.typeParameters.length > 0)) &&
      !Object.hasOwn(Checks, `is${name}`)
    )
    assert.deepStrictEqual(unchecked.map(([name]) => name), [])
  })

  it("passes what the Schema gives back as it is, and nothing else", () => {
    for (const { check, name, schema } of definitions) {
      const decode = SchemaParser.decodeUnknownResult(schema)
      // If unreadable fields are left out, only fields that no definition has may be missing. Otherwise a field of one variant can
      // be unknown to another.
      const tolerant = leavesFieldsOut(schema.ast)
      const subject = { name, check, decode, isExtra: (key: string) => !tolerant || key === extraField }
      for (let seed = 1; seed <= 20; seed++) {
        const value = sample(schema.ast, seed)
        assert.isTrue(check(value), `${name} rejects ${JSON.stringify(value)}`)
        assertAgree(subject, value)
        if (seed <= 3) { for (const mutant of mutants(value)) assertAgree(subject, mutant) }
      }
    }
  })
})
