import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"
import { onTestFinished } from "vitest"
import type { Problem } from "../src/problem.ts"

/** Creates a directory with files for one test. */
export const directoryOf = (files: Readonly<Record<string, string>>): string => {
  const directory = mkdtempSync(join(tmpdir(), "effect-codex-checks-"))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), text)
  }
  return directory
}

/** Prints problems as lines of `path:line message`. */
export const linesOf = (directory: string, problems: ReadonlyArray<Problem>): ReadonlyArray<string> =>
  problems.map(({ file, line, message }) => `${relative(directory, file)}:${line} ${message}`)
