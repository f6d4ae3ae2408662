/**
 * Whatever is interrupted, in whatever way and at whatever point: it ends within three seconds, though the server does not
 * answer any more or does not end its turns. What it leaves behind goes on in the background, and comes to an end too.
 */
import { FakeAppServer, Fixture, Gate } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, type Thread } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import { Anything } from "../properties/Anything.ts"
import { cases, count, isLong, repeat, seed, seedOf } from "../properties/writing.ts"
import { idle, inBackground } from "./scenario.ts"

type Service = Codex.Codex["Service"]

/** What is going to be interrupted; its preparation is done with a server that answers. */
type Operation = (codex: Service, thread: Thread.Thread) => Effect.Effect<Effect.Effect<unknown, unknown>, unknown>

const simply =
  (use: (thread: Thread.Thread, codex: Service) => Effect.Effect<unknown, unknown>): Operation => (codex, thread) =>
    Effect.succeed(use(thread, codex))

const operations: { readonly [name: string]: Operation } = {
  run: simply((thread) => thread.run("go")),
  "run, with limits": simply((thread) => thread.run("go", { limits: { idle: "10 seconds" } })),
  "run on a busy thread": (_, thread) => Effect.as(thread.turn("first"), thread.run("second")),
  "run that steers": (_, thread) => Effect.as(thread.turn("first"), thread.run("second", { whenBusy: "steer" })),
  "run after thread/unsubscribe": (codex, thread) =>
    Effect.as(codex.client.request("thread/unsubscribe", { threadId: thread.id }), thread.run("go")),
  turn: simply((thread) => Effect.flatMap(thread.turn("go"), ({ run }) => run)),
  "turn.steer": (_, thread) => Effect.map(thread.turn("go"), (turn) => turn.steer("more")),
  "turn.interrupt": (_, thread) => Effect.map(thread.turn("go"), (turn) => Effect.andThen(turn.interrupt, turn.run)),
  stream: simply((thread) => Stream.runDrain(thread.stream("go"))),
  "a stream that is left early": simply((thread) => Stream.runDrain(Stream.take(thread.stream("go"), 1))),
  compact: simply((thread) => thread.compact),
  review: simply((thread) => Effect.flatMap(thread.review({ type: "uncommittedChanges" }), ({ run }) => run)),
  runGoal: simply((thread) => thread.runGoal("done")),
  startGoal: simply((thread) => Effect.flatMap(thread.startGoal("done"), ({ run }) => run)),
  "goal.interrupt": (_, thread) =>
    Effect.map(thread.startGoal("done"), (goal) => Effect.andThen(goal.interrupt, goal.run)),
  "goal.resume": (_, thread) => Effect.succeed(Effect.flatMap(thread.goal.resume(), ({ run }) => run)),
  "goal.read, pause, clear": simply(({ goal }) => Effect.all([goal.read, goal.pause, goal.clear])),
  "client.request": simply((_, { client }) => client.request("model/list", {})),
  "200 requests at once": simply((_, { client }) =>
    Effect.all(Array.from({ length: 200 }, () => client.request("model/list", {})), { concurrency: "unbounded" })
  ),
  threadStart: simply((_, codex) => codex.threadStart()),
  threadResume: simply(({ id }, codex) => codex.threadResume(id, { config: {}, model: "another" })),
  threadFork: simply(({ id }, codex) => codex.threadFork(id, { model: "another" })),
  threadList: simply((_, codex) => Stream.runDrain(codex.threadList())),
  loginChatgpt: simply((_, codex) => Effect.flatMap(codex.loginChatgpt, ({ wait }) => wait))
}

/** Requests that the operations send. */
const methods = [
  "account/login/start",
  "model/list",
  "review/start",
  "thread/compact/start",
  "thread/fork",
  "thread/goal/clear",
  "thread/goal/get",
  "thread/goal/set",
  "thread/list",
  "thread/read",
  "thread/resume",
  "thread/settings/update",
  "thread/start",
  "thread/unsubscribe",
  "turn/interrupt",
  "turn/start",
  "turn/steer"
] as const

const goal = (threadId: string, status: string) => ({
  threadId,
  objective: "done",
  status,
  tokensUsed: 0,
  timeUsedSeconds: 0,
  createdAt: Fixture.time,
  updatedAt: Fixture.time
})

/**
 * A server that answers so many requests and then none. Its turns do not end by themselves, and if it is `stubborn`, neither
 * when they are interrupted.
 */
const failing = Effect.fnUntraced(function*(isStubborn: boolean) {
  const server = yield* FakeAppServer.FakeAppServer
  let left = Infinity
  const answers: { readonly [method: string]: (threadId: string) => Effect.Effect<unknown> } = {
    "thread/goal/get": () => Effect.succeed({ goal: null }),
    "thread/goal/clear": () => Effect.succeed({ cleared: false }),
    "thread/goal/set": (threadId) =>
      Effect.as(
        server.notifyAll([
          { method: "thread/goal/updated", params: { threadId, goal: goal(threadId, "active") } },
          Fixture.turnStarted(threadId, "goal")
        ]),
        { goal: goal(threadId, "active") }
      ),
    "thread/compact/start": (threadId) =>
      Effect.as(server.notifyAll([Fixture.turnStarted(threadId, "compaction")]), {}),
    "thread/unsubscribe": () => Effect.succeed({ status: "unsubscribed" }),
    "account/login/start": () => Effect.succeed({ type: "chatgpt", loginId: "login", authUrl: "https://example.com" }),
    ...(isStubborn ? { "turn/interrupt": () => Effect.succeed({}) } : {})
  }
  for (const method of methods) {
    yield* server.on<string>(
      method,
      (_, { byDefault, message }): Effect.Effect<unknown, FakeAppServer.RpcError> =>
        Effect.suspend(() => {
          if (left-- <= 0) return Effect.never
          const { threadId } = message["params"] as { readonly threadId: string }
          const answer = answers[method]?.(threadId)
          return answer === undefined ? byDefault : Effect.map(answer, FakeAppServer.verbatim)
        })
    )
  }
  return (requests: number) => {
    left = requests
  }
})

/** Lets everything happen that needs no time. */
const settle = Effect.forEach(Array.from({ length: 30 }), () => Effect.yieldNow, { discard: true })

/** Lets some time pass, and some steps of all fibers. */
const pass = (time: number, steps: number) =>
  Effect.andThen(
    time === 0 ? Effect.void : TestClock.adjust(time),
    Effect.forEach(Array.from({ length: steps }), () => Effect.yieldNow)
  )

/** How many milliseconds pass until a fiber has ended; undefined if it has not by the limit. */
const timeOf = Effect.fnUntraced(function*(fiber: Fiber.Fiber<unknown, unknown>, limit: number) {
  const step = 100
  for (let passed = 0; passed <= limit; passed += step) {
    yield* settle
    if (fiber.pollUnsafe() !== undefined) return passed
    yield* TestClock.adjust(step)
  }
  return undefined
})

/** Ways to interrupt: each starts the use, and returns what interrupts it after some time. */
const ways: {
  readonly [name: string]: (
    use: Effect.Effect<unknown, unknown>,
    after: number,
    steps: number
  ) => Effect.Effect<Fiber.Fiber<unknown, unknown>>
} = {
  "its fiber": (use, after, steps) =>
    Effect.gen(function*() {
      const fiber = yield* inBackground(use)
      yield* pass(after, steps)
      return yield* inBackground(Fiber.interrupt(fiber))
    }),
  timeout: (use, after, steps) =>
    Effect.gen(function*() {
      const fiber = yield* inBackground(Effect.exit(Effect.timeout(use, after)))
      yield* pass(after, steps)
      return fiber
    }),
  race: (use, after, steps) =>
    Effect.gen(function*() {
      const fiber = yield* inBackground(Effect.exit(Effect.raceFirst(use, Effect.sleep(after))))
      yield* pass(after, steps)
      return fiber
    }),
  "the end of its scope": (use, after, steps) =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      yield* Effect.forkIn(use, scope, { startImmediately: true })
      yield* pass(after, steps)
      return yield* inBackground(Scope.close(scope, Exit.void))
    })
}

/** The requests that are answered, and the time that passes, before the interruption. */
const points = (isLong ? [0, 1, 2, 3, 4, Infinity] : [0, 1, 2, Infinity]).flatMap((answered) =>
  (isLong ? [0, 400, 9_900] : [0, 9_900]).map((after) => ({ answered, after }))
)

/** Interrupts one operation in one way at one point. Returns how long that took. */
const interrupt = (
  operation: Operation,
  way: (typeof ways)[string],
  { after, answered, steps = 0 }: {
    readonly answered: number
    readonly after: number
    readonly steps?: number
  },
  isStubborn: boolean
) =>
  Effect.gen(function*() {
    const answering = yield* failing(isStubborn)
    const codex = yield* Codex.Codex
    const thread = yield* codex.threadResume("stored")
    const use = yield* operation(codex, thread)
    yield* settle
    answering(answered)
    const time = yield* timeOf(yield* way(use, after, steps), 3_000)
    // Turns that could not be ended are given up, and requests time out.
    yield* TestClock.adjust("3 minutes")
    // Turns that are nobody's to stop go on until their thread ends.
    const server = yield* FakeAppServer.FakeAppServer
    yield* server.notifyAll([
      { method: "thread/closed", params: { threadId: thread.id } },
      { method: "account/login/completed", params: { loginId: "login", success: false, error: "cancelled" } }
    ])
    yield* settle
    yield* idle
    return time
  }).pipe(Effect.scoped, Effect.provide(silently(FakeAppServer.layerCodex(options))))

const gate = Gate.makeUnsafe

const options: FakeAppServer.Options = { threads: ["stored"], reply: () => ["a", gate()] }

const silently = <A, E, R>(layer: Layer.Layer<A, E, R>) => layer.pipe(Layer.provideMerge(Logger.layer([])))

describe("within three seconds an interruption ends", () => {
  for (const [name, operation] of Object.entries(operations)) {
    it.effect(name, () =>
      Effect.gen(function*() {
        for (const [by, way] of Object.entries(ways)) {
          for (const point of points) {
            for (const isStubborn of [false, true]) {
              const time = yield* interrupt(operation, way, point, isStubborn)
              assert.isDefined(time, `by ${by}, ${JSON.stringify({ ...point, isStubborn })}`)
            }
          }
        }
      }))
  }

  it.effect(`at any moment (seed ${seed})`, () =>
    Effect.gen(function*() {
      for (const index of cases(count / 5)) {
        const any = new Anything(seedOf(index))
        const [name, operation] = any.oneOf(Object.entries(operations))
        const [by, way] = any.oneOf(Object.entries(ways))
        const point = { answered: any.below(6), after: any.oneOf([0, any.below(20_000)]), steps: any.below(60) }
        const time = yield* interrupt(operation, way, point, any.below(2) === 0)
        assert.isDefined(time, `${repeat(index)} ${name} by ${by}, ${JSON.stringify(point)}`)
      }
    }), Math.max(60_000, count * 20))

  it.effect("of all that runs when the Layer ends", () =>
    Effect.gen(function*() {
      for (const [name, operation] of Object.entries(operations)) {
        for (const { after, answered } of points) {
          const scope = yield* Scope.make()
          const context = yield* Layer.buildWithScope(silently(FakeAppServer.layerCodex(options)), scope)
          const using = yield* Effect.gen(function*() {
            const answering = yield* failing(true)
            const codex = yield* Codex.Codex
            const use = yield* operation(codex, yield* codex.threadResume("stored"))
            answering(answered)
            return yield* Effect.forkDetach(Effect.exit(use), { startImmediately: true })
          }).pipe(Effect.provideContext(context))
          yield* TestClock.adjust(after)
          const closing = yield* inBackground(Scope.close(scope, Exit.void))
          const point = `${name}, ${JSON.stringify({ after, answered })}`
          assert.strictEqual(yield* timeOf(closing, 3_000), 0, point)
          assert.strictEqual(yield* timeOf(using, 3_000), 0, point)
        }
      }
    }))
})
