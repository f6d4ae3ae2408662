/**
 * What the server tells: the protocol's notifications as typed events, discriminated on `method`.
 *
 * Nothing is lost: what this version does not know arrives as `$unknown`, what it knows but can't read as
 * `$undecodable`, each where it belongs.
 */
import * as Methods from "@effect-codex/protocol/Methods"
import * as Result from "effect/Result"
import { describe } from "../base/issue.ts"

/** A JSON object as it was received. */
export type Raw = { readonly [key: string]: unknown }

/**
 * A notification that this version of the protocol has.
 *
 * @category models
 */
export interface Known<M extends keyof Methods.ServerNotifications> {
  readonly method: M
  readonly params: Methods.ServerNotifications[M]
  /** The whole message as it was received, fields of newer servers included. */
  readonly raw: Raw
}

/**
 * A notification whose method this version does not have.
 *
 * @category models
 */
export interface Unknown {
  readonly method: "$unknown"
  /** The whole message as it was received: `raw.method` is its method. */
  readonly raw: Raw
}

/**
 * A notification whose method is known, but whose parameters do not fit.
 *
 * @category models
 */
export interface Undecodable {
  readonly method: "$undecodable"
  /** The whole message as it was received. */
  readonly raw: Raw
  /** What does not fit, and at which path. */
  readonly issue: string
}

/**
 * Anything that the server can tell.
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

/** Reads a message that has a method and no id. Never fails: see {@link Unknown} and {@link Undecodable}. */
export const fromMessage = (raw: Raw): Notification => {
  const { method, params } = raw
  const entry = typeof method === "string" ? Methods.serverNotifications.get(method) : undefined
  if (entry === undefined) return { method: "$unknown", raw }
  // The entry is the one of this method, which TypeScript can't see.
  if (entry.check(params)) return { method, params, raw } as Notification
  const decoded = Methods.decode<unknown>(entry, params)
  return Result.isSuccess(decoded)
    ? { method, params: decoded.success, raw } as Notification
    : { method: "$undecodable", raw, issue: describe(decoded.failure) }
}
