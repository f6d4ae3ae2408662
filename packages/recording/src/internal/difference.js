/**
 * What is different between two JSON values, for people to read.
 */
import * as Predicate from "effect/Predicate"
/** Every place at which the values differ, except the ignored ones: patterns such as `input.*.text`. */
export const differences = (recorded, asked, ignore = []) => {
  const ignored = ignore.map((pattern) => pattern.split("."))
  const found = []
  const compare = (recorded, asked, keys) => {
    if (Object.is(recorded, asked)) {
      return
    }
    if (ignored.some((pattern) => matches(pattern, keys))) {
      return
    }
    const arrays = Array.isArray(recorded) && Array.isArray(asked)
    if (arrays || (Predicate.isObject(recorded) && Predicate.isObject(asked))) {
      const left = recorded
      const right = asked
      const own = arrays
        ? Array.from({ length: Math.max(recorded.length, asked.length) }, (_, index) => index)
        : new Set([...Object.keys(left), ...Object.keys(right)])
      for (const key of own) {
        compare(left[key], right[key], [...keys, key])
      }
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
const matches = (pattern, keys) =>
  pattern.length === keys.length && pattern.every((name, index) => name === "*" || name === String(keys[index]))
const pathOf = (keys) =>
  keys.map((key, index) => typeof key === "number" ? `[${key}]` : `${index === 0 ? "" : "."}${key}`).join("")
/** How much of a value is shown before and after the place where it differs. */
const around = 60
const show = (value, from) => {
  if (value === undefined) {
    return "(nothing)"
  }
  const text = JSON.stringify(value)
  const start = Math.max(0, from - around / 2)
  const end = start + around * 2
  return `${start > 0 ? "…" : ""}${text.slice(start, end)}${end < text.length ? "…" : ""}`
}
/** The differences as lines of text, long values cut around the place where they part. */
export const render = (differences, indent = "  ") => {
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
const firstDifference = (a, b) => {
  let index = 0
  while (index < a.length && a[index] === b[index]) {
    index++
  }
  return index
}
// # sourceMappingURL=difference.js.map
