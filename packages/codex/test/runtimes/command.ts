/** The runtimes that run programs of this repository from their TypeScript sources. */
import { join } from "node:path"

export const runtimes = ["node", "bun", "deno"] as const

export type Runtime = typeof runtimes[number]

const bin = (name: string) => join(import.meta.dirname, "../../../../node_modules/.bin", name)

const commands: Readonly<Record<Runtime, ReadonlyArray<string>>> = {
  node: [process.execPath],
  bun: [bin("bun"), "run"],
  // The permissions that the documentation names. The tests write temporary homes.
  deno: [
    bin("deno"),
    "run",
    "--no-prompt",
    "--allow-run",
    "--allow-read",
    "--allow-env",
    "--allow-net",
    "--allow-write",
    "--allow-sys=homedir"
  ]
}

/** Returns the command that runs a program, without its arguments. */
export const commandOf = (runtime: Runtime, file: string): readonly [string, ...Array<string>] => {
  const [program, ...args] = commands[runtime]
  return [program!, ...args, "--conditions=@effect-codex/source", file]
}

/** Returns the runtime that a name stands for. */
export const runtimeOf = (name: string): Runtime => {
  const runtime = runtimes.find((runtime) => runtime === name)
  if (runtime === undefined) throw new Error(`${name} is not one of ${runtimes.join(", ")}`)
  return runtime
}
