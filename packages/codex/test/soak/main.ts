/** `npm run soak`: the long form. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { growth, inMemory, onTheRealServer, type Sample } from "./soak.ts"

const report = (name: string, samples: ReadonlyArray<Sample>) =>
  Effect.andThen(
    Console.table(samples.map(({ heap, ...sample }) => ({ ...sample, heapMB: Math.round(heap / 1e5) / 10 }))),
    Console.log(`${name}: ${growth(samples).toFixed(1)} bytes a turn\n`)
  )

Effect.gen(function*() {
  yield* report("in memory", yield* inMemory(20_000, 10))
  yield* report("the real server", yield* onTheRealServer(500, 10))
}).pipe(NodeRuntime.runMain)
