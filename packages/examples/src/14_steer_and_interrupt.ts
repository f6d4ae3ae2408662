/**
 * A turn under way takes more input, and can be stopped.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, type Turn } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** Waits until the agent has begun to speak. */
const begun = (turn: Turn.Turn) => turn.text.pipe(Stream.take(1), Stream.runDrain)

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()

  const steered = yield* thread.turn("Count slowly to 30.")
  yield* begun(steered)
  yield* steered.steer("In French, please.")
  const { items } = yield* steered.run
  for (const item of items) if (item.type === "agentMessage") yield* Console.log("agent:", item.text.trim())

  // To interrupt is to ask: the turn ends a little later, and its result says so.
  const interrupted = yield* thread.turn("Count slowly to 1000.")
  yield* begun(interrupted)
  yield* interrupted.interrupt
  const { status } = yield* interrupted.run
  yield* Console.log("the second turn:", status)

  // Too late: a typed error, with a reason.
  const late = yield* Effect.flip(interrupted.steer("Faster!"))
  yield* Console.log("too late:", late._tag === "CodexRpcError" ? late.reason._tag : late._tag)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
