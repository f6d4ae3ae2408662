/** Helpers of the tests of the command line. */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** The program. */
export const main = fileURLToPath(new URL("../src/main.ts", import.meta.url))

/** A temporary directory, without symbolic links. */
export const directory = Effect.acquireRelease(
  Effect.sync(() => Fs.realpathSync(Fs.mkdtempSync(join(tmpdir(), "effect-codex-")))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

/** Runs the command line as a process. `within` is a command that runs it, such as `unshare`. */
export const run = (
  args: ReadonlyArray<string>,
  env: { readonly [name: string]: string } = {},
  within: ReadonlyArray<string> = []
) =>
  Effect.callback<{ readonly code: number; readonly stdout: string; readonly stderr: string }>((resume) => {
    const [program, ...rest] = [
      ...within,
      process.execPath,
      "--no-warnings",
      "--conditions=@effect-codex/source",
      main,
      ...args
    ]
    execFile(
      program!,
      rest,
      { env: { ...process.env, ...env } },
      (error, stdout, stderr) =>
        resume(Effect.succeed({ code: error === null ? 0 : Number(error.code), stdout, stderr }))
    )
  })
