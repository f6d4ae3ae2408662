/**
 * Measures how an event gets to its readers, without a server and without parsing. Both implementations take turns in
 * one process, so that other work on the machine affects both.
 *
 * `node delivery.ts <plan as JSON> <rounds>`
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { setImmediate } from "node:timers/promises"
// An internal module, which the package does not export.
import { Broadcast } from "../../../codex/src/base/Broadcast.ts"
import type { Delivered, Plan } from "../Delivery.ts"

const [json, rounds] = process.argv.slice(2)
const plan = JSON.parse(json!) as Plan

/** One read of the pipe holds about this many messages, of all turns together. */
const chunk = 320
const chunks = 200

interface Turn {
  readonly push: (event: object) => void
  readonly end: () => void
  readonly readers: ReadonlyArray<Stream.Stream<object>>
}

const buffer = Effect.sync((): Turn => {
  const events = new Broadcast<object, never>()
  return {
    push: (event) => events.push(event),
    end: () => events.end(Exit.void),
    readers: Array.from({ length: plan.readers }, () => events.cursor().stream)
  }
})

const queue = Effect.map(
  Effect.replicateEffect(Queue.unbounded<object, Cause.Done>(), plan.readers),
  (queues): Turn => ({
    push: (event) => {
      for (let index = 0; index < queues.length; index++) Queue.offerUnsafe(queues[index]!, event)
    },
    end: () => queues.forEach(Queue.endUnsafe),
    readers: queues.map(Stream.fromQueue)
  })
)

const measure = Effect.fnUntraced(function*(make: Effect.Effect<Turn>) {
  let seen = 0
  const read = (events: Stream.Stream<object>) =>
    plan.by === "batch"
      ? Stream.runForEachArray(events, (batch) => Effect.sync(() => void (seen += batch.length)))
      : Stream.runForEach(events, () => Effect.sync(() => void seen++))
  const turns = yield* Effect.replicateEffect(make, plan.turns)
  const reading = yield* Effect.forEach(turns.flatMap(({ readers }) => readers), read, { concurrency: "unbounded" })
    .pipe(Effect.forkChild({ startImmediately: true }))
  const start = process.cpuUsage()
  for (let read = 0; read < chunks; read++) {
    for (let index = 0; index < chunk; index++) turns[index % plan.turns]!.push({ index })
    yield* Effect.promise(() => setImmediate())
  }
  for (const { end } of turns) end()
  yield* Fiber.join(reading)
  const { system, user } = process.cpuUsage(start)
  const expected = chunks * chunk * plan.readers
  if (seen !== expected) return yield* Effect.die(new Error(`${seen} events instead of ${expected}`))
  return (user + system) * 1000 / (chunks * chunk)
})

const round = Effect.fnUntraced(function*(number: number) {
  const [first, second] = number % 2 === 0 ? [buffer, queue] as const : [queue, buffer] as const
  const a = yield* measure(first)
  const b = yield* measure(second)
  return first === buffer ? { buffer: a, queue: b } : { buffer: b, queue: a }
})

const measured: ReadonlyArray<Delivered> = await Effect.runPromise(
  Effect.forEach(Array.from({ length: Number(rounds) }, (_, number) => number), round)
)
// The first half made the code warm.
process.stdout.write(JSON.stringify(measured.slice(measured.length / 2)))
