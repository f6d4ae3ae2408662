/**
 * Two programs on one thread of the shared server: one runs turns and answers the server, the other one only watches.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as ExampleServer from "./shared/ExampleServer.ts"

Effect.gen(function*() {
  const shared = yield* ExampleServer.sharedHome
  /** A program with a connection of its own. Here both are in one process. */
  const connect = Effect.map(Layer.build(Layer.fresh(Codex.layerShared(shared))), Context.get(Codex.Codex))
  const owner = yield* connect
  const watcher = yield* connect

  const thread = yield* owner.threadStart({ sandbox: "readOnly" })
  yield* thread.run("Say hello in one sentence.")

  const { notifications, thread: before } = yield* watcher.threadWatch(thread.id)
  yield* Console.log(`watcher  ${before.turns.length} turn so far`)
  const watching = yield* notifications.pipe(
    Stream.takeUntil(({ method }) => method === "turn/completed"),
    Stream.filter(({ method }) => method.startsWith("turn/") || method === "item/completed"),
    Stream.runForEach((event) =>
      Console.log(`watcher  ${event.method}${event.method === "item/completed" ? ` ${event.params.item.type}` : ""}`)
    ),
    Effect.forkScoped({ startImmediately: true })
  )

  const { finalResponse } = yield* thread.run("And now in French.")
  yield* Console.log(`owner    ${finalResponse}`)
  yield* Fiber.join(watching)
}).pipe(Effect.scoped, NodeRuntime.runMain)
