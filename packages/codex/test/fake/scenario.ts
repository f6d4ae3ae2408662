/** What the tests with an app-server in memory share. */
import { FakeAppServer } from "@effect-codex/testing"
import { assert, it } from "@effect/vitest"
import { type Codex, type CodexClient, type CodexConfig, Router, type Transport } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"

export type Services =
  | Codex.Codex
  | CodexClient.CodexClient
  | FakeAppServer.FakeAppServer
  | Router.Router
  | Transport.Transport

/** Nothing is held for anybody any more. */
export const idle = Effect.map(Router.Router, (router) => {
  const { badLines: _, strayAnswers: __, ...held } = router.stats()
  assert.deepStrictEqual(held, { pending: 0, turns: 0, starts: 0, subscribers: 0 })
})

type Options = FakeAppServer.Options & { readonly client?: CodexConfig.CodexConfig }

const body = <E>(run: () => Effect.Effect<void, E, Services | Scope.Scope>, options: Options) => () =>
  Effect.scoped(run()).pipe(
    Effect.andThen(idle),
    Effect.provide(FakeAppServer.layerCodex(options))
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

/** A thread, and the server that it is on. */
export const messageOf = (error: { readonly message: string }): string => error.message
