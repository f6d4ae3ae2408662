/**
 * Opens files with the program that the user has chosen for them.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"

const opener: readonly [program: string, ...args: ReadonlyArray<string>] = process.platform === "darwin"
  ? ["open"]
  : process.platform === "win32"
  ? ["cmd", "/c", "start", "\"\""]
  : ["xdg-open"]

/** Opens a file. Returns false if the machine has no program for that. */
export const openFile = (file: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const [program, ...args] = opener
    const child = spawn(program, [...args, file], { detached: true, stdio: "ignore", windowsHide: true })
    child.once("error", () => resume(Effect.succeed(false)))
    child.once("spawn", () => {
      child.unref()
      resume(Effect.succeed(true))
    })
  })
