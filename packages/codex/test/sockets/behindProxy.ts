/** Codex behind a proxy that can cut its connection. */
import { ScriptedModel } from "@effect-codex/testing"
import { assert } from "@effect/vitest"
import { Codex, CodexClient, Router } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { idle } from "../real/utils.ts"
import * as Proxy from "./proxy.ts"
import * as server from "./server.ts"

/** Waits for a state of the connection. */
export const until = (codex: Codex.Codex["Service"], is: (state: CodexClient.ConnectionState) => boolean) =>
  codex.connection.pipe(Stream.filter(is), Stream.runHead)

/** Codex behind a proxy of its own. */
export const behindProxy = <A, E, R>(
  use: (services: {
    readonly codex: Codex.Codex["Service"]
    readonly client: CodexClient.CodexClient["Service"]
    readonly router: Router.Router["Service"]
    readonly model: ScriptedModel.Service
    readonly proxy: Proxy.Proxy
  }) => Effect.Effect<A, E, R>,
  options: Partial<CodexClient.WebSocketLayerOptions> = {}
) =>
  Effect.gen(function*() {
    const { address } = yield* server.ListeningServer
    const proxy = yield* Proxy.make(address)
    const model = yield* ScriptedModel.ScriptedModel
    yield* model.clear
    const context = yield* Layer.build(
      Codex.layerWebSocket({ url: proxy.address, reconnect: Schedule.spaced("10 millis"), ...options })
    )
    return yield* Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const client = yield* CodexClient.CodexClient
      const router = yield* Router.Router
      const result = yield* use({ codex, client, router, model, proxy })
      // A request with which the client catches up in the background may be in flight.
      yield* Effect.repeat(Effect.sync(router.stats), {
        until: ({ pending }) => pending === 0,
        schedule: Schedule.spaced("5 millis")
      })
      assert.deepInclude(router.stats(), idle)
      return result
    }).pipe(Effect.provideContext(context))
  }).pipe(Effect.scoped)

/** The steps of a request at which the connection is cut: before the server reads it, and before its response arrives. */
export const steps = ["read", "answered"] as const

/** Cuts the connection once, at a step of the next request. Returns whether it has done so. */
export const cutAt = (proxy: Proxy.Proxy, step: (typeof steps)[number]): () => boolean => {
  let isSent = false
  let isCut = false
  proxy.onData = (direction) => {
    if (isCut) return
    if (direction === "up") isSent = true
    if (isSent && (direction === "up") === (step === "read")) {
      isCut = true
      proxy.cut()
    }
  }
  return () => isCut
}

/** Waits until the client has connected so often. */
export const connected = (codex: Codex.Codex["Service"], times: number) =>
  until(codex, (state) => state._tag === "Connected" && state.connections >= times)
