/**
 * The parts of the details: lists of facts, long texts, JSON and diffs.
 */
import { colorOf, count, element } from "./dom.ts"
import type { Kind } from "./Timeline.ts"

/** Characters of a text that are shown at first. */
const shownText = 40_000

export const badge = (kind: Kind | "error" | "warning", text: string): HTMLElement =>
  element("span", { class: "badge", style: colorOf(kind) }, text)

export const facts = (pairs: ReadonlyArray<readonly [name: string, value: string]>): HTMLElement =>
  element("dl", {}, ...pairs.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]))

/** Returns a text under a heading, if there is one. */
export const section = (title: string, text: string | undefined, code = false): ReadonlyArray<Node> =>
  text === undefined
    ? []
    : [
      element("h3", {}, title),
      long(text, (part) => element(code ? "pre" : "p", code ? {} : { class: "prose" }, part))
    ]

/** Returns a value as JSON under a heading, if there is one. */
export const json = (title: string, value: unknown): ReadonlyArray<Node> => {
  if (value === undefined || value === null) return []
  const text = JSON.stringify(value, null, 2)
  const copy = element("button", {
    class: "button",
    type: "button",
    click: () =>
      void navigator.clipboard?.writeText(text).then(() => {
        copy.textContent = "Copied"
      })
  }, "Copy")
  return [
    element("h3", {}, title),
    long(text, (part) => element("pre", { class: "json" }, ...colored(part))),
    element("div", { class: "actions" }, copy)
  ]
}

/** Returns the beginning of a text of any length, and a button for the rest. */
const long = (text: string, make: (part: string) => HTMLElement): HTMLElement => {
  if (text.length <= shownText) return make(text)
  const box = element("div")
  const more = element("button", {
    class: "button",
    type: "button",
    click: () => box.replaceChildren(make(text))
  }, `Show all ${count(text.length)} characters`)
  box.append(make(`${text.slice(0, shownText)}…`), element("div", { class: "actions" }, more))
  return box
}

/** Returns JSON text with its parts in colors. */
const colored = (text: string): ReadonlyArray<Node | string> => {
  const parts: Array<Node | string> = []
  const tokens = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null|-?\d[\d.eE+-]*)\b/g
  let end = 0
  for (const match of text.matchAll(tokens)) {
    parts.push(text.slice(end, match.index))
    const kind = match[1] === undefined ? "literal" : match[2] === undefined ? "string" : "key"
    parts.push(element("span", { class: kind }, match[1] ?? match[0]), match[2] ?? "")
    end = match.index + match[0].length
  }
  parts.push(text.slice(end))
  return parts
}

export const diff = (text: string): HTMLElement =>
  long(text, (part) =>
    element(
      "pre",
      {},
      ...part.split("\n").map((line) =>
        element("span", { class: line.startsWith("+") ? "added" : line.startsWith("-") ? "removed" : "" }, `${line}\n`)
      )
    ))
