/**
 * The requests and events of hosted threads on the wire. They load no Node module, so a browser can use them.
 *
 * Programs use `HostedThreads`, which is typed like the SDK. This module is for those that speak the protocol themselves: a client
 * with its own transport, or a gateway with its own server.
 */
import type { Followed } from "./internal/model/events.ts"
import type { WireEvents } from "./internal/model/rpcs.ts"
import * as Wire from "./internal/model/wire.ts"

export type { Followed, Here } from "./internal/model/events.ts"
export {
  Answer,
  Cursor,
  Events,
  group,
  Interrupt,
  Location,
  OnCutOff,
  Read,
  type Rpcs,
  Run,
  RunAnswer,
  Steer,
  Where,
  WireEvents
} from "./internal/model/rpcs.ts"

/**
 * Decodes the events of one element of {@link Events}, in order, each with its cursor. The host has checked the notifications, so they
 * are not checked again; throws if the JSON does not come from a host.
 *
 * @example
 * ```ts
 * import * as ThreadRpcs from "@effect-codex/cluster/ThreadRpcs"
 * import * as Effect from "effect/Effect"
 * import * as RpcClient from "effect/rpc/RpcClient"
 * import * as Stream from "effect/Stream"
 *
 * // The methods of the events of a thread, from now on, over any RpcClient.Protocol.
 * const methods = Stream.unwrap(RpcClient.make(ThreadRpcs.group).pipe(
 *   Effect.map((client) =>
 *     client.Events({ thread: "ticket-4711", from: null, turnKey: null }).pipe(
 *       Stream.map(ThreadRpcs.readEvents),
 *       Stream.flattenIterable,
 *       Stream.map((event) => event.method)
 *     )
 *   )
 * ))
 * ```
 *
 * @category combinators
 */
export const readEvents: (events: WireEvents) => ReadonlyArray<Followed> = Wire.read
