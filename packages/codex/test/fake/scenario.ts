/** Helpers of the tests with an in-memory app-server. */
import { FakeAppServer } from "@effect-codex/testing"
import { assert, it } from "@effect/vitest"
import { type ClientOptions, type Codex, type CodexClient, Router, type Transport } from "effect-codex"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

export type Services =
  | Codex.Codex
  | CodexClient.CodexClient
  | FakeAppServer.FakeAppServer
  | Router.Router
  | Transport.Transport

/** Nothing is held for anybody any more. */
export const idle = Effect.map(Router.Router, (router) => {
  const { badLines: _, late: __, strayAnswers: ___, threads: ____, ...held } = router.stats()
  assert.deepStrictEqual(held, { pending: 0, turns: 0, followers: 0, subscribers: 0, subagents: 0, roots: 0 })
})

export type Options = FakeAppServer.Options & {
  readonly client?: ClientOptions.ClientOptions
  /** Takes what is logged, as `LEVEL message`. */
  readonly logs?: Array<string>
}

const logger = (logs: Array<string> | undefined) =>
  logs === undefined
    ? Layer.empty
    : Logger.layer([
      Logger.make(({ logLevel, message }) => void logs.push(`${logLevel} ${[message].flat().map(String).join(" ")}`))
    ])

const body = <E>(run: () => Effect.Effect<void, E, Services | Scope.Scope>, { logs, ...options }: Options) => () =>
  Effect.scoped(run()).pipe(
    Effect.andThen(idle),
    Effect.provide(FakeAppServer.layerCodex(options).pipe(Layer.provideMerge(logger(logs))))
  )

/** A test on a Codex in memory, under the test clock; when it is over, the router must hold nothing. */
export const scenario = <E>(
  name: string,
  run: () => Effect.Effect<void, E, Services | Scope.Scope>,
  options: Options = {}
): void => it.effect(name, body(run, options))

/** As {@link scenario}, under the real clock. */
export const liveScenario = <E>(
  name: string,
  run: () => Effect.Effect<void, E, Services | Scope.Scope>,
  options: Options = {}
): void => it.live(name, body(run, options))

/** Runs beside the test, from now on. */
export const inBackground = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<Fiber.Fiber<A, E>, never, R> =>
  Effect.forkChild(effect, { startImmediately: true })

/** The first `count` elements from now on. */
export const collecting = <A, E, R>(stream: Stream.Stream<A, E, R>, count: number) =>
  stream.pipe(Stream.take(count), Stream.runCollect, inBackground)
