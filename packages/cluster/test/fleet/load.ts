/** A fleet under load. Counted are the answers, how often each key stands in the rollouts, and how often the model was asked for it. */
import type * as HostedThreads from "@effect-codex/cluster/HostedThreads"
import { CodexHome, Reply, ScriptedModel, Step } from "@effect-codex/testing"
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Postgres from "../postgres.ts"
import { askedFor } from "../utils.ts"
import * as Fleet from "./fleet.ts"

const slowly = {
  respond: (request: { readonly lastUserText?: string | undefined }) =>
    Reply.message({ deltas: ["answer ", Step.delay("400 millis"), request.lastUserText ?? ""] })
}

/** A database, a home, and a model that takes its time. */
export const machine = Layer.mergeAll(
  Postgres.layer,
  CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer(slowly)))
)

/** Starts runners, and a client that waits until they serve. */
export const start = (prefix: string, count: number) =>
  Effect.gen(function*() {
    const runners = yield* Effect.forEach(Array.from({ length: count }), () => Fleet.startRunner(prefix), {
      concurrency: "unbounded"
    })
    const { services, threads } = yield* Fleet.client(prefix, runners)
    return { runners, services, threads }
  })

/** Runs turns on threads, each thread's one after the other, and does something in the middle of it. */
export const load = <E = never, R = never>(
  threads: HostedThreads.HostedThreads["Service"],
  prefix: string,
  size: { readonly threads: number; readonly turns: number },
  during: Effect.Effect<unknown, E, R>
) =>
  Effect.gen(function*() {
    const { codexHome } = yield* CodexHome.CodexHome
    const keys: Array<string> = []
    const running = yield* Effect.forkChild(
      Effect.forEach(Array.from({ length: size.threads }, (_, at) => `${prefix} ${at}`), (name) =>
        Effect.forEach(Array.from({ length: size.turns }), (_, turn) => {
          const turnKey = `${name} ${turn}`
          keys.push(turnKey)
          return threads.thread(name).run(`do ${turnKey}`, { turnKey, onCutOff: "continue" })
        }), { concurrency: "unbounded" })
    )
    yield* Effect.sleep("2 seconds")
    yield* during
    const answers = (yield* Fiber.join(running)).flat()
    assert.strictEqual(answers.length, size.threads * size.turns)
    for (const { status } of answers) {
      assert.strictEqual(status, "completed")
    }
    const messages = Fleet.messagesOf(codexHome)
    for (const key of keys) {
      assert.strictEqual(messages.get(key), 1, `${key} in the rollouts`)
      assert.isAtMost((yield* askedFor(`do ${key}`)).length, 1, `${key} at the model`)
    }
    const continued = keys.filter((key) =>
      messages.has(`${key}#2`)
    ).length
    const asked = (yield* Effect.forEach(keys, (key) =>
      askedFor(`do ${key}`))).flat().length
    return { continued, asked, answers: answers.length }
  })
