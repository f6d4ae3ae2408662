/**
 * Steering, which adds input to a running turn, and interruption, which stops it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, type Turn } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** Waits for the first piece of the answer. */
const begun = (turn: Turn.Turn) => turn.text.pipe(Stream.take(1), Stream.runDrain)

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()

  const steered = yield* thread.turn("Count slowly to 30.")
  yield* begun(steered)
  yield* steered.steer("In French, please.")
  const { items } = yield* steered.run
  for (const item of items) if (item.type === "agentMessage") yield* Console.log("agent:", item.text.trim())

  // `interrupt` asks the server to stop. The turn ends a little later, with the status `interrupted`.
  const interrupted = yield* thread.turn("Count slowly to 1000.")
  yield* begun(interrupted)
  yield* interrupted.interrupt
  const { status } = yield* interrupted.run
  yield* Console.log("the second turn:", status)

  // Steering a turn that has ended fails with a typed error and a reason.
  const late = yield* Effect.flip(interrupted.steer("Faster!"))
  yield* Console.log("too late:", late._tag === "CodexRpcError" ? late.reason._tag : late._tag)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
