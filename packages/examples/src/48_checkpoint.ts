/**
 * A checkpoint: the conversation and the files return to an earlier point together.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** A repository of its own for the agent. */
const repository = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "checkpoint-"))
    execFileSync("git", ["init", "--quiet"], { cwd: directory })
    writeFileSync(join(directory, "notes.txt"), "mine\n")
    return directory
  }),
  (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const cwd = yield* repository
  const notes = () => readFileSync(join(cwd, "notes.txt"), "utf8").trim()
  const thread = yield* codex.threadStart({ cwd, sandbox: "fullAccess" })
  yield* thread.run("Say hello.")

  const checkpoint = yield* thread.checkpoint({ files: true })
  yield* thread.run("Please run `echo changed > notes.txt`.")
  yield* Console.log("after the turn:", notes())

  // The work of the agent is in no commit and in no checkpoint, so it is not discarded unless it is saved.
  const refused = yield* Effect.flip(checkpoint.restore())
  if (refused._tag === "CheckpointError" && refused.reason._tag === "UnsavedFiles") {
    yield* Console.log("refused, for", refused.reason.files.join(", "))
  }
  const { saved } = yield* checkpoint.restore({ unsaved: "save" })
  yield* Console.log("restored:", notes())
  yield* Console.log("saved in:", execFileSync("git", ["show", `${saved}:notes.txt`], { cwd, encoding: "utf8" }).trim())
  yield* Console.log("turns:", (yield* thread.read({ includeTurns: true })).turns.length)
}).pipe(Effect.scoped)

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
