/**
 * The methods of the protocol: maps from methods to types, and the tables that decode and route messages.
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
 * A known notification from the server, discriminated by its method.
 *
 * @category models
 */
export type ServerNotification = {
  readonly [M in ServerNotificationMethod]: { readonly method: M; readonly params: ServerNotifications[M] }
}[ServerNotificationMethod]

/**
 * A known request from the server, discriminated by its method.
 *
 * @category models
 */
export type ServerRequest = {
  readonly [M in ServerRequestMethod]: { readonly method: M; readonly params: ServerRequests[M]["params"] }
}[ServerRequestMethod]

/**
 * A decoder of JSON values: a Schema, and a fast check that is tried first. Pass it to {@link decode}.
 *
 * @category models
 */
export interface Decoder<out A> {
  /** Returns the Schema, which is built at the first call. It replaces unknown variants with `UnknownVariant` and fails with an issue for malformed values. */
  readonly schema: () => Schema.Codec<A>
  /** Returns whether the value conforms as it is and needs no decoding. It takes nanoseconds. */
  readonly check: (u: unknown) => u is A
}

/**
 * The paths of the thread id and the turn id in params.
 *
 * @category models
 */
export interface Route {
  /** The path to the id of the thread, or `null` if there is none. */
  readonly thread: "threadId" | "thread.id" | "conversationId" | null
  /** Whether the id of the thread can be absent. */
  readonly threadOptional: boolean
  /** The path to the id of the turn, or `null` if there is none. */
  readonly turn: "turnId" | "turn.id" | null
  /** Whether the id of the turn can be absent. */
  readonly turnOptional: boolean
}

/**
 * The table entry of a request that a client sends.
 *
 * @category models
 */
export interface ClientRequestEntry<out A> {
  /** The decoder of the response. */
  readonly response: Decoder<A>
  /** Whether the server accepts the request only from clients with `experimentalApi`. */
  readonly experimental: boolean
}

/**
 * The table entry of a notification that the server sends.
 *
 * @category models
 */
export interface ServerNotificationEntry<out A> extends Decoder<A>, Route {}

/**
 * The table entry of a request that the server sends.
 *
 * @category models
 */
export interface ServerRequestEntry<out A> extends Decoder<A>, Route {
  /** Whether the server sends the request only to clients with `experimentalApi`. */
  readonly experimental: boolean
}

/**
 * Decodes a JSON value.
 *
 * **Details**
 *
 * A value that conforms is returned as it is, without a copy and including unknown fields. Otherwise the Schema decodes it: unknown
 * variants become `{ type: "$unknown", raw }`, and a malformed value fails with an issue that contains its path.
 *
 * @category decoding
 */
export const decode = <A>(decoder: Decoder<A>, input: unknown): Result.Result<A, SchemaIssue.Issue> =>
  decoder.check(input)
    ? Result.succeed(input)
    : SchemaParser.decodeUnknownResult(decoder.schema())(input)
