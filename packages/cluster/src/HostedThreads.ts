/**
 * Named threads of a cluster: the client of `ThreadHost`.
 *
 * `HostedThreads.layer` is for members of the cluster, {@link layerRpc} for browsers and services that reach it through a
 * `ThreadGateway`.
 */
import type { Sharding } from "effect/cluster/Sharding"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Headers from "effect/http/Headers"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Socket from "effect/socket/Socket"
import * as HostedThread from "./internal/client/HostedThread.ts"
import { ThreadEntity } from "./internal/model/entity.ts"
import { group } from "./internal/model/rpcs.ts"

export type { HostedThread } from "./internal/client/HostedThread.ts"
export type { HostedTurn, TypedHostedTurn } from "./internal/client/HostedTurn.ts"
export type {
  Asked,
  HostedEvent,
  HostEvent,
  Missed,
  Moved,
  Settled,
  TurnEnded,
  TurnStarted
} from "./internal/model/events.ts"
export type { HostedTurnOptions, TypedHostedTurnOptions } from "./internal/model/options.ts"
export type { Cursor, Location, OnCutOff } from "./internal/model/rpcs.ts"

/**
 * The threads of a cluster.
 *
 * @category services
 */
export class HostedThreads extends Context.Service<HostedThreads, {
  /** Returns the handle of a thread. Sends no request; the thread is created at its first turn or `read`. */
  readonly thread: (name: string) => HostedThread.HostedThread
}>()("@effect-codex/cluster/HostedThreads") {}

/**
 * The threads of the cluster of which this program is a member: a runner, or a client that has the cluster's database.
 *
 * @category layers
 */
export const layer: Layer.Layer<HostedThreads, never, Sharding> = Layer.effect(
  HostedThreads,
  Effect.gen(function*() {
    const client = yield* ThreadEntity.client
    const scope = yield* Effect.scope
    return HostedThreads.of({ thread: (name) => HostedThread.make(name, client(name), scope) })
  })
)

/**
 * Options of {@link layerRpc}.
 *
 * @category models
 */
export interface RpcOptions {
  /** The URL of the gateway: `ws:` or `wss:` for a gateway's WebSocket, `http:` or `https:` for its HTTP. */
  readonly url: string
  /** Headers of each request, such as `authorization`, by which the gateway identifies the client. Default: none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted<string>>> | undefined
}

/**
 * The threads behind a `ThreadGateway`. It loads no Node module, and needs neither the cluster nor its database. A run
 * continues if the connection is lost, and the client asks for its answer again.
 *
 * @example
 * ```ts
 * import * as HostedThreads from "@effect-codex/cluster/HostedThreads"
 *
 * const threads = HostedThreads.layerRpc({
 *   url: "wss://agents.example.com/threads",
 *   headers: { authorization: "Bearer ..." }
 * })
 * ```
 *
 * @category layers
 */
export const layerRpc = ({ headers = {}, url }: RpcOptions): Layer.Layer<HostedThreads> => {
  const sent = Headers.fromInput(
    Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : Redacted.value(value)])
    )
  )
  const threads = Layer.effect(
    HostedThreads,
    Effect.gen(function*() {
      const client = yield* RpcClient.make(group)
      const scope = yield* Effect.scope
      return HostedThreads.of({ thread: (name) => HostedThread.make(name, client, scope, sent) })
    })
  )
  const protocol = /^wss?:/i.test(url)
    ? RpcClient.layerProtocolSocket({ retryTransientErrors: true }).pipe(
      Layer.provide(Layer.provide(Socket.layerWebSocket(url), Socket.layerWebSocketConstructorGlobal)),
      Layer.provide(RpcSerialization.layerJson)
    )
    : RpcClient.layerProtocolHttp({ url }).pipe(
      Layer.provide(FetchHttpClient.layer),
      Layer.provide(RpcSerialization.layerNdjson)
    )
  return Layer.provide(threads, protocol)
}
