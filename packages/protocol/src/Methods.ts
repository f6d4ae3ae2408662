/**
 * The methods of the protocol: their types, and the tables by which a message is decoded and routed.
 */
import * as Result from "effect/Result"
import type * as Schema from "effect/Schema"
import type * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaParser from "effect/SchemaParser"
import type { ClientRequests, ServerNotifications, ServerRequests } from "./generated/methods.ts"

export {
  type ClientRequests,
  clientRequests,
  type ServerNotifications,
  serverNotifications,
  type ServerRequests,
  serverRequests
} from "./generated/methods.ts"
export type { MethodTable } from "./internal/methodTable.ts"

/**
 * The name of a request that a client sends.
 *
 * @category models
 */
export type ClientRequestMethod = keyof ClientRequests

/**
 * The name of a notification that the server sends.
 *
 * @category models
 */
export type ServerNotificationMethod = keyof ServerNotifications

/**
 * The name of a request that the server sends.
 *
 * @category models
 */
export type ServerRequestMethod = keyof ServerRequests

/**
 * A notification of the server that this version knows, discriminated on its method.
 *
 * @category models
 */
export type ServerNotification = {
  readonly [M in ServerNotificationMethod]: { readonly method: M; readonly params: ServerNotifications[M] }
}[ServerNotificationMethod]

/**
 * A request of the server that this version knows, discriminated on its method.
 *
 * @category models
 */
export type ServerRequest = {
  readonly [M in ServerRequestMethod]: { readonly method: M; readonly params: ServerRequests[M]["params"] }
}[ServerRequestMethod]

/**
 * How to make typed what came as JSON.
 *
 * @category models
 */
export interface Decoder<out A> {
  /** Decodes: keeps what it knows, replaces variants that it does not know, fails with an issue. */
  readonly schema: Schema.Codec<A>
  /** Whether the value conforms as it is, and so is already what decoding would make of it. Costs nanoseconds. */
  readonly check: (u: unknown) => u is A
}

/**
 * Where params carry the ids of a thread and of a turn.
 *
 * @category models
 */
export interface Route {
  /** The path to the id of the thread; null where there is none. */
  readonly thread: "threadId" | "thread.id" | "conversationId" | null
  /** Whether the id of the thread can be absent. */
  readonly threadOptional: boolean
  /** The path to the id of the turn; null where there is none. */
  readonly turn: "turnId" | "turn.id" | null
  /** Whether the id of the turn can be absent. */
  readonly turnOptional: boolean
}

/**
 * What the table says about a request of a client.
 *
 * @category models
 */
export interface ClientRequestEntry<out A> {
  /** How the answer is decoded. */
  readonly response: Decoder<A>
  /** Whether the server takes it from clients with `experimentalApi` alone. */
  readonly experimental: boolean
}

/**
 * What the table says about a notification of the server.
 *
 * @category models
 */
export interface ServerNotificationEntry<out A> extends Decoder<A>, Route {}

/**
 * What the table says about a request of the server.
 *
 * @category models
 */
export interface ServerRequestEntry<out A> extends Decoder<A>, Route {
  /** Whether the server sends it to clients with `experimentalApi` alone. */
  readonly experimental: boolean
}

/**
 * Makes JSON typed.
 *
 * **Details**
 *
 * What conforms is returned itself, with any fields that this version does not know. Else the Schema decodes: variants that this
 * version does not know become `{ type: "$unknown", raw }`, and what does not fit is an issue that says where.
 *
 * @category decoding
 */
export const decode = <A>(decoder: Decoder<A>, input: unknown): Result.Result<A, SchemaIssue.Issue> =>
  decoder.check(input)
    ? Result.succeed(input)
    : SchemaParser.decodeUnknownResult(decoder.schema)(input)
