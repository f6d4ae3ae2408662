/**
 * What is different between two JSON values, for people to read.
 */
import * as Predicate from "effect/Predicate"

/** A place at which two values differ. A value that is not there is left out. */
export interface Difference {
  /** E.g. `input[0].text`; empty for the values themselves. */
  readonly path: string
  readonly recorded?: unknown
  readonly asked?: unknown
}

/** Every place at which the values differ, except the ignored ones: patterns such as `input.*.text`. */
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
      const left = recorded as { readonly [key: string | number]: unknown }
      const right = asked as { readonly [key: string | number]: unknown }
      const own = arrays
        ? Array.from({ length: Math.max(recorded.length, asked.length) }, (_, index) => index)
        : new Set([...Object.keys(left), ...Object.keys(right)])
      for (const key of own) compare(left[key], right[key], [...keys, key])
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

const matches = (pattern: ReadonlyArray<string>, keys: ReadonlyArray<string | number>): boolean =>
  pattern.length === keys.length && pattern.every((name, index) => name === "*" || name === String(keys[index]))

const pathOf = (keys: ReadonlyArray<string | number>): string =>
  keys.map((key, index) => typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${key}`).join("")

/** How much of a value is shown before and after the place where it differs. */
const around = 60

const show = (value: unknown, from: number): string => {
  if (value === undefined) return "(nothing)"
  const text = JSON.stringify(value)
  const start = Math.max(0, from - around / 2)
  const end = start + around * 2
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`
}

/** The differences as lines of text, long values cut around the place where they part. */
export const render = (differences: ReadonlyArray<Difference>, indent = "  "): string => {
  const shown = differences.slice(0, 10).map(({ asked, path, recorded }) => {
    const from = recorded === undefined || asked === undefined
      ? 0
      : firstDifference(JSON.stringify(recorded), JSON.stringify(asked))
    return `${indent}${path === "" ? "the whole" : path}\n${indent}  recorded: ${
      show(recorded, from)
    }\n${indent}  asked:    ${show(asked, from)}`
  })
  const rest = differences.length - shown.length
  return [...shown, ...(rest > 0 ? [`${indent}and ${rest} more`] : [])].join("\n")
}

const firstDifference = (a: string, b: string): number => {
  let index = 0
  while (index < a.length && a[index] === b[index]) index++
  return index
}
