/**
 * Notifications from the server as typed events, discriminated on `method`.
 *
 * No notification is lost: one with an unknown method arrives as `$unknown`, and one with malformed parameters as
 * `$undecodable`, on the same stream and in the same order as the others.
 */
import * as Methods from "@effect-codex/protocol/Methods"
import * as Result from "effect/Result"
import { describe } from "../../base/issue.ts"

/** A JSON object as it was received. */
export type Raw = { readonly [key: string]: unknown }

/**
 * A notification of this version of the protocol.
 *
 * @category models
 */
export interface Known<M extends keyof Methods.ServerNotifications> {
  readonly method: M
  readonly params: Methods.ServerNotifications[M]
  /** The whole message as it was received, including fields of newer servers. */
  readonly raw: Raw
}

/**
 * A notification whose method this version does not know.
 *
 * @category models
 */
export interface Unknown {
  readonly method: "$unknown"
  /** The whole message as it was received: `raw.method` is its method. */
  readonly raw: Raw
}

/**
 * A notification with a known method whose parameters do not match the protocol.
 *
 * @category models
 */
export interface Undecodable {
  readonly method: "$undecodable"
  /** The whole message as it was received. */
  readonly raw: Raw
  /** The mismatch and its path. */
  readonly issue: string
}

/**
 * Any notification from the server.
 *
 * @example
 * ```ts
 * import type { Notification } from "effect-codex"
 *
 * const textOf = (event: Notification.Notification): string => {
 *   switch (event.method) {
 *     case "item/agentMessage/delta":
 *       return event.params.delta
 *     case "$unknown":
 *       return `something new: ${String(event.raw.method)}`
 *     default:
 *       return ""
 *   }
 * }
 * ```
 *
 * @category models
 */
export type Notification =
  | { readonly [M in keyof Methods.ServerNotifications]: Known<M> }[keyof Methods.ServerNotifications]
  | Unknown
  | Undecodable

/** Reads a message with a method and without an id. Never fails: see {@link Unknown} and {@link Undecodable}. */
export const fromMessage = (raw: Raw): Notification => fromEntry(raw, entryOf(raw["method"]))

const entryOf = (method: unknown) => typeof method === "string" ? Methods.serverNotifications.get(method) : undefined

/** @internal As {@link fromMessage}, with the table entry of the message's method. Undefined if the method is not known. */
export const fromEntry = (raw: Raw, entry: Methods.ServerNotificationEntry<unknown> | undefined): Notification => {
  const { method, params } = raw
  if (entry === undefined) return { method: "$unknown", raw }
  // The entry is the one of this method, which TypeScript can't see.
  if (entry.check(params)) return { method, params, raw } as Notification
  const decoded = Methods.decode<unknown>(entry, params)
  return Result.isSuccess(decoded)
    ? { method, params: decoded.success, raw } as Notification
    : { method: "$undecodable", raw, issue: describe(decoded.failure) }
}
