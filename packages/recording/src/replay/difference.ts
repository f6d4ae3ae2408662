/**
 * Differences between two JSON values, rendered for people to read.
 */
import * as Predicate from "effect/Predicate"

/** A path at which two values differ. An absent value is left out. */
export interface Difference {
  /** A path such as `input[0].text`; empty for the values themselves. */
  readonly path: string
  readonly recorded?: unknown
  readonly asked?: unknown
}

/** Returns every path at which the values differ. `ignore` lists exceptions, such as `input.*.text`. */
export const differences = (
  recorded: unknown,
  asked: unknown,
  ignore: ReadonlyArray<string> = []
): ReadonlyArray<Difference> => {
  const ignored = ignore.map((pattern) => pattern.split("."))
  const found: Array<Difference> = []
  const compare = (recorded: unknown, asked: unknown, keys: ReadonlyArray<string | number>): void => {
    if (Object.is(recorded, asked)) return
    if (ignored.some((pattern) => matches(pattern, keys))) return
    const arrays = Array.isArray(recorded) && Array.isArray(asked)
    if (arrays || (Predicate.isObject(recorded) && Predicate.isObject(asked))) {
      const own = arrays
        ? Array.from({ length: Math.max(recorded.length, asked.length) }, (_, index) => index)
        : new Set([...Object.keys(recorded), ...Object.keys(asked)])
      for (const key of own) compare(fieldOf(recorded, key), fieldOf(asked, key), [...keys, key])
    } else {
      found.push({
        path: pathOf(keys),
        ...(recorded === undefined ? {} : { recorded }),
        ...(asked === undefined ? {} : { asked })
      })
    }
  }
  compare(recorded, asked, [])
  return found
}

/** Returns an own field: a key such as `constructor` must not find what every object inherits. */
const fieldOf = (value: object, key: string | number): unknown =>
  Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined

const matches = (pattern: ReadonlyArray<string>, keys: ReadonlyArray<string | number>): boolean =>
  pattern.length === keys.length && pattern.every((name, index) => name === "*" || name === String(keys[index]))

const pathOf = (keys: ReadonlyArray<string | number>): string =>
  keys.map((key, index) => typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${key}`).join("")

/** Characters of a value that are shown before and after the first difference. */
const around = 60

const show = (value: unknown, from: number): string => {
  if (value === undefined) return "(nothing)"
  const text = JSON.stringify(value)
  const start = Math.max(0, from - around / 2)
  const end = start + around * 2
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`
}

/** Renders differences as lines of text. Long values are cut around their first difference. */
export const render = (differences: ReadonlyArray<Difference>, indent = "  "): string => {
  const shown = differences.slice(0, 10).map(({ asked, path, recorded }) => {
    const from = recorded === undefined || asked === undefined
      ? 0
      : firstDifference(JSON.stringify(recorded), JSON.stringify(asked))
    return `${indent}${path === "" ? "the whole value" : path}\n${indent}  recorded: ${
      show(recorded, from)
    }\n${indent}  sent:     ${show(asked, from)}`
  })
  const rest = differences.length - shown.length
  return [...shown, ...(rest > 0 ? [`${indent}and ${rest} more`] : [])].join("\n")
}

const firstDifference = (a: string, b: string): number => {
  let index = 0
  while (index < a.length && a[index] === b[index]) index++
  return index
}
