/**
 * Turn after turn, to see that nothing grows: memory, handles of the operating system, entries of the router.
 *
 * `npm run soak` runs 20,000 turns on a server in memory and 500 on the real one; the tests a short form of both.
 */
import { FakeAppServer, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { Codex, Router, type Thread } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Stream from "effect/Stream"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Fibers } from "../Fibers.ts"

/** The resources in use at one moment. */
export interface Sample {
  readonly turns: number
  /** In bytes, after a garbage collection. */
  readonly heap: number
  /** Open handles and pending timers of Node. */
  readonly handles: number
  /** Fibers that have begun and not ended. */
  readonly fibers: number
  /** The entries of the router. */
  readonly held: number
}

/** Collects garbage, whatever flags Node was started with. */
const collect: () => void = (() => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc")
})()

const sample = (turns: number, fibers: Fibers) =>
  Effect.map(Router.Router, (router): Sample => {
    collect()
    const { pending, followers, subscribers, turns: running } = router.stats()
    return {
      turns,
      heap: process.memoryUsage().heapUsed,
      handles: process.getActiveResourcesInfo().length,
      fibers: fibers.running,
      held: pending + followers + subscribers + running
    }
  })

/** A turn in each of the ways that there are. */
const ways = Effect.fnUntraced(function*(thread: Thread.Thread, turn: number) {
  const text = `turn ${turn}`
  yield* thread.run(text)
  yield* Stream.runDrain(thread.stream(text))
  yield* Stream.runDrain(Stream.take(thread.stream(text), 1))
  const handle = yield* thread.turn(text)
  yield* Effect.all([Stream.runDrain(handle.text), Stream.runDrain(handle.items), handle.run], { concurrency: 3 })
  // This turn has no consumer.
  const dropped = yield* thread.turn(text)
  yield* dropped.run
  return 5
})

/** Runs at least so many turns, and samples what is in use along the way; `clear` makes a server in this process forget. */
const soak = Effect.fnUntraced(function*<E>(
  turns: number,
  samples: number,
  fibers: Fibers,
  clear: (thread: Thread.Thread) => Effect.Effect<void, E>
) {
  const codex = yield* Codex.Codex
  const taken: Array<Sample> = []
  let done = 0
  // By then, everything that is created once exists, such as compiled decoders.
  const first = yield* codex.threadStart({ ephemeral: true })
  for (let index = 0; index < 20; index++) yield* ways(first, index)
  while (done < turns) {
    const goal = (taken.length + 1) * turns / samples
    const thread = yield* codex.threadStart({ ephemeral: true })
    while (done < goal) done += yield* ways(thread, done)
    yield* clear(thread)
    taken.push(yield* sample(done, fibers))
  }
  return taken
})

/** Turns on a server in memory. */
export const inMemory = (turns: number, samples: number) => {
  const fibers = new Fibers()
  return Effect.gen(function*() {
    const codex = yield* Codex.Codex
    const { clear } = yield* FakeAppServer.FakeAppServer
    return yield* soak(turns, samples, fibers, ({ id }) => Effect.andThen(codex.threadDelete(id), clear))
  }).pipe(
    Effect.provide(FakeAppServer.layerCodex({ reply: (text) => text })),
    Effect.provideService(Metric.FiberRuntimeMetrics, fibers)
  )
}

/** Turns on the real server. */
export const onTheRealServer = (turns: number, samples: number) => {
  const fibers = new Fibers()
  return ScriptedModel.ScriptedModel.use(({ clear }) => soak(turns, samples, fibers, () => clear)).pipe(
    Effect.provide(TestCodex.layer({ script: TestCodex.echo })),
    Effect.provideService(Metric.FiberRuntimeMetrics, fibers)
  )
}

const mean = (values: ReadonlyArray<number>) => values.reduce((sum, value) => sum + value, 0) / values.length

/** How much the heap grew for each turn, in bytes: the slope of the line that fits the samples best. */
export const growth = (samples: ReadonlyArray<Sample>): number => {
  const x = mean(samples.map(({ turns }) => turns))
  const y = mean(samples.map(({ heap }) => heap))
  const covariance = mean(samples.map(({ heap, turns }) => (turns - x) * (heap - y)))
  return covariance / mean(samples.map(({ turns }) => (turns - x) ** 2))
}
