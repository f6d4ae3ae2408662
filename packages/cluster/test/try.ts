import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import * as TestThreads from "@effect-codex/cluster/TestThreads"
import { TestCodex } from "@effect-codex/testing"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Layer from "effect/Layer"
console.log("start")
const program = Effect.gen(function*() {
  const threads = yield* HostedThreads.HostedThreads
  const thread = threads.thread("x")
  yield* thread.stream("hi").pipe(Stream.runForEach((e) => Effect.sync(() => console.log(e.method, e.cursor))))
}).pipe(Effect.provide(TestThreads.layer().pipe(Layer.provide(TestCodex.layer({ script: TestCodex.echo })))))
Effect.runPromise(program).then(console.log, console.error)
