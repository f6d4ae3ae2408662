/** A fleet under load. Counted are the answers, how often each key stands in the rollouts, and how often the model was asked for it. */
import type * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import { CodexHome, Reply, ScriptedModel, Step } from "@effect-codex/testing"
import { assert } from "@effect/vitest"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Machine from "../machine.ts"
import * as Places from "../places.ts"
import { reasonOf } from "../utils.ts"
import * as Fleet from "./fleet.ts"

const slowly = {
  respond: (request: { readonly lastUserText?: string | undefined }) =>
    Reply.message({ deltas: ["answer ", Step.delay("400 millis"), request.lastUserText ?? ""] })
}

/** A database, a home, and a model that takes its time. */
export const machine = Machine.machine(slowly)

/** Starts runners, and a client that waits until they serve. */
export const start = (prefix: string, count: number) =>
  Effect.gen(function*() {
    const runners = yield* Effect.forEach(Array.from({ length: count }), () => Fleet.startRunner(prefix), {
      concurrency: "unbounded"
    })
    const { services, threads } = yield* Fleet.client(prefix, runners)
    return { runners, services, threads }
  })

/** The number of threads, and of turns on each. */
export interface Size {
  readonly threads: number
  readonly turns: number
  /** True if the database goes away: the callers ask again with the same key, as the error says. Default: false. */
  readonly asksAgain?: boolean
}

/** The names of the threads of a load. */
export const namesOf = (prefix: string, { threads }: Pick<Size, "threads">): ReadonlyArray<string> =>
  Array.from({ length: threads }, (_, at) => `${prefix} ${at}`)

/**
 * Runs turns on threads, each thread's one after the other, and does something at a random point of it: when an eighth to a half of
 * the answers are there. The load goes on until that is done. Then it counts.
 */
export const load = <E = never, R = never>(
  threads: HostedThreads.HostedThreads["Service"],
  prefix: string,
  size: Size,
  during: Effect.Effect<unknown, E, R>
) =>
  Effect.gen(function*() {
    const least = size.threads * size.turns
    const point = Math.ceil(least * (1 / 8 + Math.random() * 3 / 8))
    const reached = yield* Deferred.make<void>()
    let given = 0
    let isDone = false
    const goesOn = (turns: number) => turns < size.turns || !isDone
    const run = (name: string, turnKey: string) =>
      Effect.retry(threads.thread(name).run(`do ${turnKey}`, { turnKey, onCutOff: "continue" }), {
        while: (error) => size.asksAgain === true && reasonOf(error) === "Storage",
        schedule: Schedule.spaced("200 millis")
      })
    const keys = new Map(namesOf(prefix, size).map((name): [string, Array<string>] => [name, []]))
    const running = yield* Effect.forkChild(
      Effect.forEach(keys, ([name, keys]) =>
        Effect.gen(function*() {
          while (goesOn(keys.length)) {
            const turnKey = `${name} ${keys.length}`
            keys.push(turnKey)
            const { status } = yield* run(name, turnKey)
            assert.strictEqual(status, "completed")
            given += 1
            if (given === point) yield* Deferred.succeed(reached, undefined)
          }
        }), { concurrency: "unbounded", discard: true })
    )
    // A run that fails must not leave the test waiting.
    yield* Effect.raceFirst(
      Effect.andThen(Deferred.await(reached), during),
      Effect.andThen(Fiber.join(running), Effect.never)
    )
    isDone = true
    yield* Fiber.join(running)
    const counted = { answers: given, ...(yield* count(threads, keys)) }
    yield* Console.log(`${prefix}: after ${point} answers; ${JSON.stringify(counted)}`)
    assert.isAtLeast(given, least)
    assert.strictEqual([...keys.values()].flat().length, given)
    return counted
  })

/** Counts the keys of threads in the rollouts, in the histories of the threads, and at the model. */
const count = (
  threads: HostedThreads.HostedThreads["Service"],
  keys: ReadonlyMap<string, ReadonlyArray<string>>
) =>
  Effect.gen(function*() {
    const { codexHome } = yield* CodexHome.CodexHome
    const model = yield* ScriptedModel.ScriptedModel
    const messages = Fleet.messagesOf(codexHome)
    const asked = new Map<string | undefined, number>()
    for (const { lastUserText } of yield* model.requests) asked.set(lastUserText, (asked.get(lastUserText) ?? 0) + 1)
    let continued = 0
    for (const key of [...keys.values()].flat()) {
      assert.strictEqual(messages.get(key), 1, `${key} in the rollouts`)
      assert.isAtMost(asked.get(`do ${key}`) ?? 0, 1, `${key} at the model`)
      // A turn can be cut off before its first request: then only its continuation asks the model.
      const isContinued = messages.has(`${key}#2`)
      if (!isContinued) assert.strictEqual(asked.get(`do ${key}`), 1, `${key} at the model`)
      if (isContinued) continued += 1
    }
    yield* Effect.forEach(keys, ([name, keys]) =>
      Effect.gen(function*() {
        const { turns = [] } = yield* threads.thread(name).read({ includeTurns: true })
        const history = turns.flatMap(({ items, status }) => {
          // A server that is killed before it has written the message leaves an empty turn: the key never began.
          if (items.length === 0 && status === "interrupted") return []
          const message = items.find((item) => item.type === "userMessage")
          return { id: message?.clientId ?? "", status }
        })
        // Only what was cut off is followed by another attempt, and nothing else is there.
        const expected = keys.flatMap((key) => {
          const attempts = [1, 2, 3].map((number) => number === 1 ? key : `${key}#${number}`).filter((id) =>
            messages.has(id)
          )
          return attempts.map((id, at) => ({ id, status: at < attempts.length - 1 ? "interrupted" : "completed" }))
        })
        assert.deepStrictEqual(history, expected, name)
      }))
    const first = [...keys.values()].flat().reduce((sum, key) => sum + (asked.get(`do ${key}`) ?? 0), 0)
    return { continued, asked: first }
  })

/** Waits until threads of a runner that is lost are open again. Returns how long it took, in milliseconds. */
export const reopened = (
  threads: HostedThreads.HostedThreads["Service"],
  epochs: ReadonlyMap<string, number>
) =>
  Effect.suspend(() => {
    const since = performance.now()
    return Effect.map(
      Effect.forEach(epochs, ([name, before]) =>
        Places.awaitPlace(threads, name, ({ epoch, state }) =>
          epoch > before && (state === "idle" || state === "running")), { concurrency: "unbounded", discard: true }),
      () =>
        performance.now() - since
    )
  })

/** Returns the epochs of those threads that a runner holds. */
export const heldBy = (
  threads: HostedThreads.HostedThreads["Service"],
  runner: Fleet.Runner,
  names: ReadonlyArray<string>
) =>
  Effect.map(
    Effect.forEach(names, (name) => Effect.map(Places.placeOf(threads, name), (place) => ({ name, place })), {
      concurrency: "unbounded"
    }),
    (places) =>
      new Map(places.flatMap(({ name, place }) => place?.runner === runner.address ? [[name, place.epoch]] : []))
  )
