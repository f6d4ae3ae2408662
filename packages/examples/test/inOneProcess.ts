/**
 * Runs programs in this process: each one when nothing of the last one is left to wait for. A program that fails ends the process.
 */
import { pathToFileURL } from "node:url"

/** The line that is printed before each program, on both streams. */
export const mark = "--- the next program ---\n"

if (import.meta.main) {
  const programs = process.argv.splice(2)
  process.on("beforeExit", (code) => {
    const program = programs.shift()
    if (code !== 0 || program === undefined) return
    process.stdout.write(mark)
    process.stderr.write(mark)
    // Only with something to wait for does the event come again.
    setImmediate(() => void import(pathToFileURL(program).href))
  })
}
