/**
 * A problem that a check finds: a place, and a message. A check is a function from a directory to its problems. Run as a program, it
 * prints them and exits with 1.
 */
import { relative } from "node:path"
import { fileURLToPath } from "node:url"

/** The root of this repository. */
export const root = fileURLToPath(new URL("../../..", import.meta.url))

export interface Problem {
  readonly file: string
  /** The line, counted from 1. */
  readonly line: number
  readonly message: string
}

export const print = ({ file, line, message }: Problem): string => `${relative(root, file)}:${line} ${message}`

/** Prints the problems of a check and sets the exit code. */
export const report = (check: string, problems: ReadonlyArray<Problem>): void => {
  for (const problem of problems) console.error(print(problem))
  if (problems.length === 0) return console.log(`${check}: no problems`)
  console.error(`${check}: ${problems.length} ${problems.length === 1 ? "problem" : "problems"}`)
  process.exitCode = 1
}
