/** Files that disappear with the scope, and programs that are killed. */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The path of a file that does not exist yet, in a directory of its own. */
export const make = (name: string) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.promise(() => Fs.mkdtemp(join(tmpdir(), "effect-codex-"))),
      (directory) => Effect.promise(() => Fs.rm(directory, { recursive: true, force: true }))
    ),
    (directory) => join(directory, name)
  )

/** Runs a program of this directory until it writes a line, and kills it then with SIGKILL. */
export const runAndKill = (
  program: string,
  args: ReadonlyArray<string>,
  env: { readonly [name: string]: string }
) =>
  Effect.promise(async () => {
    const path = fileURLToPath(new URL(program, import.meta.url))
    const child = spawn(process.execPath, ["--conditions=@effect-codex/source", path, ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "inherit"]
    })
    await once(child.stdout, "data")
    child.kill("SIGKILL")
    await once(child, "exit")
  })
