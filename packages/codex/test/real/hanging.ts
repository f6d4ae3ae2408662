/**
 * A program whose turn hangs: `node hanging.ts [<when> <what> <mark>]`, on the real server, or on the faulty one. It writes the
 * directory or the mark by which its server is found, once the turn hangs.
 */
import { CodexHome, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Stream from "effect/Stream"
import { join } from "node:path"

const [when, what = "", mark = ""] = process.argv.slice(2)

const real = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const model = yield* ScriptedModel.ScriptedModel
  const { codexHome } = yield* CodexHome.CodexHome
  yield* Effect.forkChild(Effect.andThen(model.awaitRequest(0), Console.log(codexHome)))
  const thread = yield* codex.threadStart()
  return yield* thread.run("go")
}).pipe(Effect.provide(TestCodex.layer({ script: { respond: () => Reply.hang } })))

const server = join(import.meta.dirname, "../faults/server.ts")

const faulty = (when: string) =>
  Effect.gen(function*() {
    const codex = yield* Codex.Codex
    yield* Effect.exit(codex.client.request("model/list", {}))
    const thread = codex.thread("thread")
    // This server starts the turn, and tells no more.
    if (what === "none") return yield* Stream.runForEach(thread.stream("go"), () => Console.log(mark))
    const running = yield* Effect.forkChild(thread.run("go"), { startImmediately: true })
    // By now the request has been written.
    yield* Console.log(mark)
    yield* Fiber.join(running)
  }).pipe(
    Effect.provide(Codex.layer({
      args: [process.execPath, "--disable-warning=ExperimentalWarning", server, when, what, "0", mark],
      handshakeTimeout: "30 seconds",
      shutdownGrace: "1 second"
    }))
  )

const program = when === undefined ? Effect.asVoid(real) : Effect.asVoid(faulty(when))

program.pipe(Effect.provide(Logger.layer([])), NodeRuntime.runMain)
