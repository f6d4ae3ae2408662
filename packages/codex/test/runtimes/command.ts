/** The runtimes that run programs of this repository from their TypeScript sources. */
import { join } from "node:path"

export const runtimes = ["node", "bun", "deno"] as const

export type Runtime = typeof runtimes[number]

const bin = (name: string) => join(import.meta.dirname, "../../../../node_modules/.bin", name)

/** The permissions that the documentation names. The tests write temporary homes. */
const permissions = [
  "--allow-run",
  "--allow-read",
  "--allow-env",
  "--allow-net",
  "--allow-write",
  "--allow-sys=homedir,hostname"
]

/** Returns the command that runs a program, without its arguments. On Deno, with the permissions that the program needs. */
export const commandOf = (
  runtime: Runtime,
  file: string,
  allowed: ReadonlyArray<string> = permissions
): readonly [string, ...Array<string>] => {
  const args = ["--conditions=@effect-codex/source", file]
  switch (runtime) {
    case "node":
      return [process.execPath, ...args]
    case "bun":
      return [bin("bun"), "run", ...args]
    case "deno":
      return [bin("deno"), "run", "--no-prompt", ...allowed, ...args]
  }
}

/** Returns the runtime that a name stands for. */
export const runtimeOf = (name: string): Runtime => {
  const runtime = runtimes.find((runtime) => runtime === name)
  if (runtime === undefined) throw new Error(`${name} is not one of ${runtimes.join(", ")}`)
  return runtime
}
