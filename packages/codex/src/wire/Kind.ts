/**
 * The kinds of notifications: what the reader does with a message depends on its method alone, and is found by one look-up.
 *
 * A method that `JSON.parse` returns is a new string each time, so that every comparison reads its characters and every `Map`
 * hashes it. The flags of a kind cost neither.
 */
import * as Methods from "@effect-codex/protocol/Methods"
import * as TurnResult from "../model/turns/TurnResult.ts"
import { learnsFrom } from "./Family.ts"

/** The notifications of one method. */
export interface Kind {
  readonly method: unknown
  /** The entry of the protocol's table. Undefined for a method that this version does not know. */
  readonly entry: Methods.ServerNotificationEntry<unknown> | undefined
  /** True if `Family` learns from it. */
  readonly concernsFamily: boolean
  /** True if it changes the result of its turn. */
  readonly concernsResult: boolean
  /** True if it reports an error of a turn. */
  readonly isError: boolean
  /** True if it reports the start of an item. */
  readonly startsItem: boolean
}

const make = (method: unknown, entry: Kind["entry"]): Kind => ({
  method,
  entry,
  concernsFamily: learnsFrom.has(method),
  concernsResult: TurnResult.Fold.wants(method),
  isError: method === "error",
  startsItem: method === "item/started"
})

const kinds = new Map<unknown, Kind>()

/** Returns the kind of a notification. */
export const of = (method: unknown): Kind => {
  // Deltas arrive in long runs, and a comparison is cheaper than a look-up.
  if (method !== latest.method) latest = find(method)
  return latest
}

const find = (method: unknown): Kind => {
  const known = kinds.get(method)
  if (known !== undefined) return known
  const entry: Kind["entry"] = typeof method === "string" ? Methods.serverNotifications.get(method) : undefined
  const kind = make(method, entry)
  // Unknown methods are not kept: there may be any number.
  if (entry !== undefined) kinds.set(method, kind)
  return kind
}

let latest: Kind = make(undefined, undefined)
