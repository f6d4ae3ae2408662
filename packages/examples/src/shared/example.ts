/**
 * A script that runs an example by its number: `npm run example 14 -- --live`.
 */
import { spawn } from "node:child_process"
import { readdirSync } from "node:fs"
import { join } from "node:path"

const examples = join(import.meta.dirname, "..")
const [number, ...args] = process.argv.slice(2)
const names = readdirSync(examples).filter((name) => name.endsWith(".ts")).sort()
const name = names.find((name) => number !== undefined && name.startsWith(`${number.padStart(2, "0")}_`))

if (name === undefined) {
  console.error(`Usage: npm run example <number>\n\n${names.join("\n")}`)
  process.exitCode = 1
} else {
  const child = spawn(process.execPath, ["--conditions=@effect-codex/source", join(examples, name), ...args], {
    stdio: "inherit"
  })
  child.on("close", (code) => process.exitCode = code ?? 1)
  // Ctrl-C also reaches the example. Wait until it has ended.
  process.on("SIGINT", () => {})
}
