/**
 * Elements of the page, and the formats of numbers and times.
 */
import type { Kind } from "./Timeline.ts"

type Attributes = { readonly [name: string]: string | number | boolean | undefined | ((event: never) => void) }

/**
 * Creates an element with attributes, listeners (functions, by the name of their event) and children. Text is never read as
 * HTML.
 */
export const element = <K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: ReadonlyArray<Node | string | undefined>
): HTMLElementTagNameMap[K] => {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name, value as EventListener)
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : String(value))
  }
  for (const child of children) if (child !== undefined) made.append(child)
  return made
}

/** Returns the color of a kind, for `style`. */
export const colorOf = (kind: Kind | "error" | "warning" | "tokens"): string => `--color: var(--${kind})`

/** Names of one and of all of each kind, in the order of the legend. */
export const kinds: { readonly [K in Kind]: { readonly one: string; readonly many: string } } = {
  turn: { one: "Turn", many: "Turns" },
  user: { one: "User", many: "User" },
  message: { one: "Message", many: "Messages" },
  reasoning: { one: "Reasoning", many: "Reasoning" },
  command: { one: "Command", many: "Commands" },
  files: { one: "Files", many: "Files" },
  tool: { one: "Tool", many: "Tools" },
  approval: { one: "Question", many: "Approvals & questions" },
  request: { one: "Request", many: "Requests" },
  other: { one: "Other", many: "Other" }
}

const twoDigits = (value: number): string => String(value).padStart(2, "0")

/** Formats a length of time, with as many digits as are useful. */
export const duration = (millis: number): string => {
  if (millis === 0) return "0 ms"
  if (millis < 1) return `${millis.toFixed(2)} ms`
  if (millis < 1000) return `${millis < 10 ? millis.toFixed(1) : Math.round(millis)} ms`
  if (millis < 60_000) return `${(millis / 1000).toFixed(millis < 10_000 ? 2 : 1)} s`
  const seconds = Math.round(millis / 1000)
  return seconds < 3600
    ? `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`
    : `${Math.floor(seconds / 3600)} h ${twoDigits(Math.floor(seconds / 60) % 60)} min`
}

/** Formats a moment since the beginning, such as `1:02.345`, with the digits that distinguish moments `step` ms apart. */
export const moment = (millis: number, step = 1): string => {
  const digits = step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3
  const unit = 10 ** (3 - digits)
  const total = Math.round(Math.max(0, millis) / unit) * unit / 1000
  const hours = Math.floor(total / 3600)
  const minutes = Math.floor(total / 60) % 60
  const seconds = (total % 60).toFixed(digits).padStart(digits === 0 ? 2 : digits + 3, "0")
  return hours > 0 ? `${hours}:${twoDigits(minutes)}:${seconds}` : `${minutes}:${seconds}`
}

/** Formats a number. */
export const count = (value: number): string => value.toLocaleString("en-US")
