/**
 * Run-time checks of options, for callers that the types do not reach: JavaScript, and objects built elsewhere.
 *
 * A table holds one check for each option. A name outside the table is a mistake too. Most often another library uses that
 * name for the option, and ignoring it would drop a request of the caller.
 */
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"

/** Describes what is wrong with a value, or with a part of it; returns `undefined` for a valid one. */
export type Check = (value: unknown) => string | Mistake | undefined

/** A check for each option of `O`. TypeScript refuses a table with a missing or an extra one. */
export type Checks<O> = { readonly [K in keyof O]-?: Check }

/** A table of checks, whatever its options. */
export type Table = { readonly [name: string]: Check }

/** A problem with one option. */
export interface Mistake {
  readonly field: string
  readonly detail: string
}

/** Accepts any value. */
export const anything: Check = () => undefined

/** Accepts `true` and `false`. */
export const flag: Check = (value) => typeof value === "boolean" ? undefined : `${shown(value)} is not true or false`

/** Accepts a whole number above 0. */
export const count: Check = (value) =>
  Number.isInteger(value) && Number(value) > 0 ? undefined : `${shown(value)} is not a whole number above 0`

/** Accepts a list of strings. */
export const texts: Check = (value) =>
  Array.isArray(value) && value.every(Predicate.isString) ? undefined : "it is not a list of strings"

/** Accepts one of these texts. */
export const oneOf = (...choices: ReadonlyArray<string>): Check => (value) =>
  typeof value === "string" && choices.includes(value)
    ? undefined
    : `${shown(value)} is not one of ${choices.join(", ")}`

/** Accepts a duration of 0 or more, in any form that `effect/Duration` reads. */
export const duration: Check = (value) =>
  durationOf(value) === undefined ? `it is not a duration of 0 or more; ${durationForms}` : undefined

/** Accepts a duration of more than 0, in any form that `effect/Duration` reads. */
export const timeout: Check = (value) => positiveDuration(value) === undefined ? notPositive : undefined

/** Reads a duration of more than 0. Returns `undefined` for any other value. */
export const positiveDuration = (value: unknown): Duration.Duration | undefined => {
  const read = durationOf(value)
  return read === undefined || Duration.isZero(read) ? undefined : read
}

const durationForms = `pass milliseconds, or a text such as "10 seconds"`

/** The problem with a value that {@link positiveDuration} cannot read. */
export const notPositive = `it is not a duration above 0; ${durationForms}`

const units: ReadonlySet<string> = new Set<keyof Duration.DurationObject>([
  "weeks",
  "days",
  "hours",
  "minutes",
  "seconds",
  "milliseconds",
  "microseconds",
  "nanoseconds"
])

/** Effect reads `NaN`, `{}` and an object of unknown units as no time at all. */
const durationOf = (value: unknown): Duration.Duration | undefined => {
  if (Number.isNaN(value)) return undefined
  if (typeof value === "object" && value !== null && !Duration.isDuration(value)) {
    const parts = Object.entries(value)
    const isKnown = (unit: string) => Array.isArray(value) || units.has(unit)
    if (parts.length === 0 || parts.some(([unit, amount]) => Number.isNaN(amount) || !isKnown(unit))) return undefined
  }
  // Returns `None` for any other value.
  const read = Option.getOrUndefined(Duration.fromInput(value as Duration.Input))
  return read === undefined || Duration.isNegative(read) ? undefined : read
}

/** Finds the first mistake: a name that the table does not have, or a value that its check refuses. */
export const findMistake = (options: unknown, checks: Table): Mistake | undefined => {
  if (!Predicate.isObject(options) || Symbol.iterator in options) {
    return { field: "options", detail: `${shown(options)} is not an object of options` }
  }
  const inherited = nameInherited(options, checks)
  if (inherited !== undefined) {
    return {
      field: inherited,
      detail: "the object inherits it, and so it would be ignored; set it on the object itself"
    }
  }
  for (const [field, value] of Object.entries(options)) {
    if (value === undefined) continue
    const found = Object.hasOwn(checks, field) ? checks[field]!(value) : unknownName(field, "an option", checks)
    if (found !== undefined) return typeof found === "string" ? { field, detail: found } : found
  }
  return undefined
}

/** Returns the name of an option that an object inherits, such as the getter of a class. */
const nameInherited = (options: object, checks: Table): string | undefined => {
  const prototype: unknown = Object.getPrototypeOf(options)
  if (prototype === Object.prototype || prototype === null) return undefined
  return Object.keys(checks).find((name) => name in options && !Object.hasOwn(options, name))
}

/** Returns the message for an unknown name, with the nearest known one. */
export const unknownName = (name: string, kind: string, known: { readonly [name: string]: unknown }): string => {
  const isThere = (alias: string) => alias.startsWith("codex.") || Object.hasOwn(known, alias.split(".", 1)[0]!)
  const meant = aliases.get(name)?.find(isThere) ?? nearest(name, Object.keys(known))
  return `${name} is not ${kind}${meant === undefined ? "" : `; did you mean ${meant}?`}`
}

/**
 * Names that other SDKs, or other calls of ours, use for an option. The first alternative that a call has is suggested. One
 * with a dot is a field of an option, or a function.
 */
const aliases: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["additionalDirectories", ["config.sandbox_workspace_write.writable_roots"]],
  ["apiKey", ["codex.loginApiKey"]],
  ["approvalPolicy", ["config.approval_policy"]],
  ["baseUrl", ["config.openai_base_url"]],
  ["codexPathOverride", ["codexPath"]],
  ["effort", ["config.model_reasoning_effort"]],
  ["instructions", ["developerInstructions"]],
  ["maxTokens", ["tokens", "limits.tokens"]],
  ["maxTurns", ["steps", "limits.steps"]],
  ["mcpServers", ["config.mcp_servers"]],
  ["model", ["config.model"]],
  ["modelReasoningEffort", ["effort", "config.model_reasoning_effort"]],
  ["networkAccessEnabled", ["config.sandbox_workspace_write.network_access"]],
  ["sandbox", ["config.sandbox_mode"]],
  ["sandboxMode", ["sandbox", "config.sandbox_mode"]],
  ["systemPrompt", ["baseInstructions"]],
  ["timeout", ["requestTimeout", "duration", "limits.duration"]],
  ["webSearchMode", ["config.web_search"]],
  ["workingDirectory", ["cwd"]]
])

/** Returns those of the `options` that a table names. */
export const pick = <O extends object>(options: object, checks: Checks<O>): O =>
  // The names are those of `O`, and their values are checked before they are used.
  Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(checks, name))) as O

/** Returns the most similar known name, if any is similar. */
const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  let best: { readonly name: string; readonly distance: number } | undefined
  const given = name.toLowerCase()
  for (const candidate of known) {
    const other = candidate.toLowerCase()
    const distance = editDistance(given, other)
    const isSimilar = distance <= Math.max(2, Math.min(given.length, other.length) / 3)
      || (Math.min(given.length, other.length) >= 4 && (given.includes(other) || other.includes(given)))
    if (isSimilar && (best === undefined || distance < best.distance)) best = { name: candidate, distance }
  }
  return best?.name
}

/** Returns the Levenshtein distance of two names. Of a long `a`, only the first 100 letters count. */
const editDistance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of Array.from(a.slice(0, 100)).entries()) {
    const next = [i + 1]
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (letter === b[j - 1] ? 0 : 1)))
    }
    row = next
  }
  return row[b.length]!
}

/** Prints a value for an error message. Hides the contents of objects, which may hold keys. */
const shown = (value: unknown): string =>
  typeof value === "string"
    ? JSON.stringify(value.slice(0, 100))
    : typeof value === "object" && value !== null
    ? "an object"
    : String(value)
