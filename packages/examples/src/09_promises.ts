/**
 * Codex in a program that is written with Promises. A `ManagedRuntime` owns the process; threads and turns are plain values.
 */
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const runtime = ManagedRuntime.make(ExampleCodex.layer())
try {
  const codex = await runtime.runPromise(Codex.Codex)

  // The methods of the service, of threads and of turns need no services, so any runtime can run them.
  const thread = await Effect.runPromise(codex.threadStart())
  const result = await Effect.runPromise(thread.run("Say hello in one sentence."))
  console.log(result.finalResponse)

  // A Stream converts to an async iterable.
  for await (const event of Stream.toAsyncIterable(thread.stream("And now in French."))) {
    if (event.method === "item/agentMessage/delta") process.stdout.write(event.params.delta)
  }
  console.log()

  // An AbortSignal also interrupts the turn on the server.
  const signal = AbortSignal.timeout(300)
  await Effect.runPromise(thread.run("Count slowly to 1000."), { signal }).catch(() => console.log("aborted"))
} finally {
  await runtime.dispose()
}
