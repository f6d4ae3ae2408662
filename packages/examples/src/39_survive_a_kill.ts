/**
 * A program that is killed in the middle of a turn, and started again: the turn goes on in the shared server meanwhile, and the
 * second run finds it. The file is both: the supervisor, and the worker that it starts, kills and starts again.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import * as ExampleServer from "./shared/ExampleServer.ts"

/** The task has an id, which its turn carries. So it is started once, whenever the worker is killed. */
const task = { id: "task-1", prompt: "Run `sleep 2; echo done`." }

const worker = (notes: string) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const thread = existsSync(notes)
      ? yield* codex.threadResume(readFileSync(notes, "utf8"))
      : yield* codex.threadStart({ sandbox: "readOnly" })
    writeFileSync(notes, thread.id)

    const found = yield* thread.findTurn(task.id)
    yield* Console.log(found === undefined ? "starts its turn" : "finds its turn")
    const turn = found ?? (yield* thread.turn(task.prompt, { clientUserMessageId: task.id }))
    yield* Console.log("follows it")
    const { finalResponse } = yield* turn.run
    yield* Console.log(`has the answer: ${finalResponse}`)
  })

/** Starts a worker, and prints its lines. Kills it after the line `until`, as a crash or an update would. */
const start = (name: string, options: object, notes: string, until?: string) =>
  Effect.promise(async () => {
    const child = spawn(process.execPath, [...process.execArgv, import.meta.filename], {
      env: { ...process.env, WORKER_NOTES: notes, WORKER_OPTIONS: JSON.stringify(options) },
      stdio: ["ignore", "pipe", "inherit"]
    })
    for await (const line of createInterface({ input: child.stdout })) {
      console.log(`${name}  ${line}`)
      if (line !== until) continue
      child.kill("SIGKILL")
      console.log(`${name}  is killed`)
    }
  })

const supervisor = Effect.gen(function*() {
  const options = yield* ExampleServer.sharedHome
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "codex-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
  )
  const notes = join(directory, "thread")
  yield* start("first ", options, notes, "follows it")
  yield* start("second", options, notes)
}).pipe(Effect.scoped)

const { WORKER_OPTIONS, WORKER_NOTES } = process.env
if (WORKER_NOTES === undefined || WORKER_OPTIONS === undefined) NodeRuntime.runMain(supervisor)
else NodeRuntime.runMain(Effect.provide(worker(WORKER_NOTES), Codex.layerShared(JSON.parse(WORKER_OPTIONS))))
