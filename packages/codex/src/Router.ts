/**
 * The router of incoming messages: it passes a response to its request, an event to its turn, its thread and the consumers of all
 * notifications, and a request of the server to its handler.
 *
 * The Layers of `Codex` and `CodexClient` provide it. Use it to watch a connection: its notifications as Streams, and its counters
 * for metrics and tests.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Stream from "effect/Stream"
import type { CodexConnectionError } from "./model/errors/CodexError.ts"
import type { Notification } from "./model/turns/Notification.ts"
import * as Wire from "./wire/Router.ts"
import type { Stats } from "./wire/Router.ts"

export type { Stats } from "./wire/Router.ts"

/**
 * Notifications and counters of one client. It outlives a lost connection if the client restarts its server.
 *
 * @example
 * ```ts
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import { Router } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const router = yield* Router.Router
 *   const { pending, turns } = router.stats()
 *   yield* Console.log(`${pending} requests and ${turns} turns are in progress`)
 * })
 * ```
 *
 * @category services
 */
export class Router extends Context.Service<Router, {
  /** Every notification, from the moment the stream is run. Fails when the connection is lost. */
  readonly notifications: Stream.Stream<Notification, CodexConnectionError>
  /** Every notification that belongs to no turn, from the moment the stream is run. Fails when the connection is lost. */
  readonly globals: Stream.Stream<Notification, CodexConnectionError>
  /** Every notification of one thread, from the moment the stream is run. Fails when the connection is lost. */
  readonly thread: (threadId: string) => Stream.Stream<Notification, CodexConnectionError>
  /** Returns the number of entries that the router holds now, and its counters. */
  readonly stats: () => Stats
}>()("effect-codex/Router") {}

/**
 * @internal A new router for each client, with its internal service, which receives the messages. Without `fresh`, all clients of
 * one program would share a single one.
 */
export const layerWire: Layer.Layer<Router | Wire.Router> = Layer.effect(
  Router,
  Effect.map(
    Wire.Router,
    ({ globals, notifications, stats, thread }) => Router.of({ globals, notifications, stats, thread })
  )
).pipe(Layer.provideMerge(Wire.layer), Layer.fresh)

/**
 * A router without a connection. The Layers of a client connect it.
 *
 * @category layers
 */
export const layer: Layer.Layer<Router> = layerWire
