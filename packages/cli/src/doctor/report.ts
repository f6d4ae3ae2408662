/**
 * The report of the doctor: a line for each check, or JSON. It shows no secret of the environment, and no character that drives a
 * terminal.
 */
import { hiding } from "effect-codex/Secrets"
import type { Result } from "./Check.ts"

const marks = { ok: "ok      ", warning: "warning ", failed: "failed  ", skipped: "skipped " }

/** Variables that hold a secret, by their name. */
const secretive = /key|token|secret|password|passwd|credential|auth/i

/** Controls of a terminal, and line breaks. */
// oxlint-disable-next-line no-control-regex
const controls = /[\0-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+/g

/** Returns a function that makes the texts of results fit to print. */
export const printing = (env: { readonly [name: string]: string | undefined }) => {
  const hide = hiding(
    Object.entries(env).flatMap(([name, value]) => secretive.test(name) && value !== undefined ? [value] : [])
  )
  const clean = (text: string) =>
    hide(text)
      .replaceAll(/\bsk-[\w-]{8,}/g, "<redacted>")
      .replaceAll(/\bBearer\s+\S+/gi, "Bearer <redacted>")
      .replaceAll(controls, " ")
      .slice(0, 1000)
  return (result: Result): Result => ({
    ...result,
    finding: clean(result.finding),
    ...(result.advice === undefined ? {} : { advice: clean(result.advice) })
  })
}

/** Returns the line of a result. */
export const line = ({ advice, finding, name, status }: Result): string =>
  `${marks[status]}${name.padEnd(9)}${finding}${advice === undefined ? "" : `. ${advice}.`}`

/** Returns all results as JSON. */
export const json = (results: ReadonlyArray<Result>): string =>
  JSON.stringify({ ok: !results.some(isFailed), checks: results }, undefined, 2)

/** Returns whether a check failed. */
export const isFailed = ({ status }: Result): boolean => status === "failed"
