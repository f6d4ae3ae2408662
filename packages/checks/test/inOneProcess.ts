/**
 * Runs programs in this process: each one when nothing of the last one is left to wait for. A program that fails ends the process.
 */
import { pathToFileURL } from "node:url"

/** The beginning of the line that is printed before each program. */
export const mark = "--- program: "

if (import.meta.main) {
  const programs = process.argv.slice(2)
  process.on("beforeExit", (code) => {
    const program = programs.shift()
    if (code !== 0 || program === undefined) return
    console.log(mark + program)
    // Only with something to wait for does the event come again.
    setImmediate(() => void import(pathToFileURL(program).href))
  })
}
