/**
 * A gateway to the threads of a cluster: for browsers, and for services without the cluster's database. `HostedThreads.layerRpc` is
 * its client.
 *
 * It has no open default: `authorize` decides about every request, and a run cannot change what the host decides, such as the sandbox,
 * unless `allow` lists the option.
 */
import type { Sharding } from "effect/cluster/Sharding"
import * as Effect from "effect/Effect"
import type { HttpRouter } from "effect/http/HttpRouter"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as RpcMiddleware from "effect/rpc/RpcMiddleware"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as RpcServer from "effect/rpc/RpcServer"
import * as Calls from "./internal/client/Calls.ts"
import { ThreadEntity } from "./internal/model/entity.ts"
import { ThreadUnavailableError } from "./internal/model/errors.ts"
import { checkSentInput, type ProtectedInput } from "./internal/model/inputs.ts"
import { checkSent, type ProtectedOption, type SentOptions } from "./internal/model/options.ts"
import { group } from "./internal/model/rpcs.ts"

export type { ProtectedInput } from "./internal/model/inputs.ts"
export type { ProtectedOption, SentOptions } from "./internal/model/options.ts"

/**
 * A request, as far as authorisation needs it.
 *
 * @category models
 */
export interface GatewayRequest {
  /** The name of the thread. */
  readonly thread: string
  /** The request: `Run`, `Events`, `Steer`, `Interrupt`, `Read`, `Answer` or `Where`. */
  readonly method: string
  /**
   * The options of a `Run`, as the client sent them: check the value of an option that `allow` lists before you rely on its type.
   * Those that a run cannot have are refused later, whatever `authorize` returns. Undefined for other requests.
   */
  readonly options: SentOptions | undefined
  /**
   * The headers of its connection, with those of the message over them; names are in lower case. The client chooses all of them: a
   * header that a proxy adds proves nothing, because a message can replace it. Check a token.
   */
  readonly headers: Readonly<Record<string, string | undefined>>
}

/**
 * Options of {@link layerWebSocket} and {@link layerHttp}.
 *
 * @category models
 */
export interface GatewayOptions<R = never> {
  /** The path of the gateway, such as `/threads`. */
  readonly path: `/${string}`
  /**
   * Decides whether a client may send a request, and so who may use which thread. False refuses it with
   * `ThreadUnavailableError`, reason `Refused`. Only names tell tenants apart, so give each tenant its own prefix, and check it
   * here. Required.
   */
  readonly authorize: (request: GatewayRequest) => Effect.Effect<boolean, never, R>
  /**
   * Options of runs that clients may set although the host decides them, such as `["model", "effort"]`, and types of input that they may
   * send although these name files of the host. A run with any other {@link ProtectedOption} or {@link ProtectedInput} fails with
   * `InvalidInputError`, which names it, and is not sent to the host. To decide by tenant or by value, list the option here, and check
   * `options` in `authorize`. Most options apply to the later turns of the thread, too. Default: none.
   */
  readonly allow?: ReadonlyArray<ProtectedOption | ProtectedInput> | undefined
}

class Authorization extends RpcMiddleware.Service<Authorization>()("@effect-codex/cluster/Authorization", {
  error: ThreadUnavailableError
}) {}

const guarded = group.middleware(Authorization)

const authorization = <R>(authorize: GatewayOptions<R>["authorize"]): Layer.Layer<Authorization, never, R> =>
  Layer.effect(
    Authorization,
    Effect.map(Effect.context<R>(), (context) =>
      Authorization.of((effect, { headers, payload, rpc }) => {
        const thread = Predicate.hasProperty(payload, "thread") ? String(payload.thread) : ""
        const options = Predicate.hasProperty(payload, "options") && Predicate.isObject(payload.options)
          ? payload.options
          : undefined
        return Effect.flatMap(
          Effect.provide(authorize({ thread, method: rpc._tag, options, headers }), context),
          (isAllowed) => isAllowed ? effect : Effect.fail(new ThreadUnavailableError({ thread, reason: "Refused" }))
        )
      }))
  )

/** Passes each request on to the entity of its thread, but for those with options or input that are not allowed. */
const handlers = (allowed: ReadonlyArray<ProtectedOption | ProtectedInput>) =>
  guarded.toLayer(Effect.map(ThreadEntity.client, (client) =>
    guarded.of({
      Run: (run) =>
        checkSent(run.options, allowed).pipe(
          Effect.andThen(checkSentInput(run.input, allowed)),
          Effect.andThen(Calls.call(run.thread, client(run.thread).Run(run)))
        ),
      Events: (events) => Calls.stream(events.thread, client(events.thread).Events(events)),
      Steer: (steer) =>
        Effect.andThen(
          checkSentInput(steer.input, allowed),
          Calls.call(steer.thread, client(steer.thread).Steer(steer))
        ),
      Interrupt: (interrupt) => Calls.call(interrupt.thread, client(interrupt.thread).Interrupt(interrupt)),
      Read: (read) => Calls.call(read.thread, client(read.thread).Read(read)),
      Answer: (answer) => Calls.call(answer.thread, client(answer.thread).Answer(answer)),
      Where: (where) => Calls.call(where.thread, client(where.thread).Where(where))
    })))

const make = (protocol: "http" | "websocket") =>
<R = never>(
  { allow = [], authorize, path }: GatewayOptions<R>
): Layer.Layer<never, never, R | Sharding | HttpRouter> =>
  RpcServer.layerHttp({ group: guarded, path, protocol, concurrency: "unbounded" }).pipe(
    Layer.provide([handlers(allow), authorization(authorize)]),
    Layer.provide(protocol === "http" ? RpcSerialization.layerNdjson : RpcSerialization.layerJson)
  )

/**
 * Serves the threads over a WebSocket, in JSON: for browsers and long connections.
 *
 * @example
 * ```ts
 * import * as ThreadGateway from "@effect-codex/cluster/ThreadGateway"
 * import * as Effect from "effect/Effect"
 *
 * declare const tenantOf: (authorization: string | undefined) => Effect.Effect<string | undefined>
 *
 * const gateway = ThreadGateway.layerWebSocket({
 *   path: "/threads",
 *   authorize: ({ headers, thread }) =>
 *     Effect.map(tenantOf(headers["authorization"]), (tenant) => tenant !== undefined && thread.startsWith(`${tenant}/`))
 * })
 * ```
 *
 * @category layers
 */
export const layerWebSocket: <R = never>(
  options: GatewayOptions<R>
) => Layer.Layer<never, never, R | Sharding | HttpRouter> = make("websocket")

/**
 * Serves the threads over HTTP, in lines of JSON: for services, and for networks that block WebSockets.
 *
 * @category layers
 */
export const layerHttp: <R = never>(
  options: GatewayOptions<R>
) => Layer.Layer<never, never, R | Sharding | HttpRouter> = make("http")
