/**
 * The thread and the turn to which a message belongs.
 *
 * The protocol's tables contain the places of the ids for known methods. In messages with unknown methods, the ids are looked up
 * in the usual places.
 */
import * as Methods from "@effect-codex/protocol/Methods"
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"

type Params = { readonly [key: string]: unknown }

const notifications: ReadonlyMap<string, Methods.Route> = Methods.serverNotifications
const requests: ReadonlyMap<string, Methods.Route> = Methods.serverRequests

/** Returns the places of the ids in a notification. Returns undefined for a method that this version does not know. */
export const notification = (method: unknown): Methods.Route | undefined => {
  // Deltas arrive in long runs, and a comparison is cheaper than a look-up.
  if (method !== latest.method) latest = { method, route: routeOf(notifications, method) }
  return latest.route
}

let latest: { readonly method: unknown; readonly route: Methods.Route | undefined } = { method: "", route: undefined }

/** The thread and the turn of a request of the server. */
export const ofRequest = (
  method: string,
  params: unknown
): { readonly threadId: string | undefined; readonly turnId: string | undefined } => {
  if (!Predicate.isObject(params)) return { threadId: undefined, turnId: undefined }
  const route = routeOf(requests, method)
  return { threadId: threadOf(route, params), turnId: turnOf(route, params) }
}

const routeOf = (routes: ReadonlyMap<string, Methods.Route>, method: unknown): Methods.Route | undefined =>
  typeof method === "string" ? routes.get(method) : undefined

/** The id of the thread. */
export const threadOf = (route: Methods.Route | undefined, params: Params): string | undefined => {
  if (route === undefined) {
    return textOf(params["threadId"]) ?? idOf(params["thread"]) ?? textOf(params["conversationId"])
  }
  switch (route.thread) {
    case "threadId":
      return textOf(params["threadId"])
    case "thread.id":
      return idOf(params["thread"])
    case "conversationId":
      return textOf(params["conversationId"])
    case null:
      return undefined
  }
}

/** The id of the turn. */
export const turnOf = (route: Methods.Route | undefined, params: Params): string | undefined => {
  if (route === undefined) return textOf(params["turnId"]) ?? idOf(params["turn"])
  switch (route.turn) {
    case "turnId":
      return textOf(params["turnId"])
    case "turn.id":
      return idOf(params["turn"])
    case null:
      return undefined
  }
}

const textOf = (value: unknown): string | undefined => typeof value === "string" ? value : undefined

const idOf = (value: unknown): string | undefined => Predicate.isObject(value) ? textOf(value["id"]) : undefined

/** The notifications after which a thread is not loaded any more. */
const closing: ReadonlySet<unknown> = new Set<Methods.ServerNotificationMethod>([
  "thread/archived",
  "thread/closed",
  "thread/deleted"
])

/** The status of a thread, if a notification reports it. */
const statusOf = (method: unknown, params: unknown): unknown => {
  if (method !== "thread/status/changed" || !Predicate.isObject(params)) return undefined
  const { status } = params
  return Predicate.isObject(status) ? status["type"] : undefined
}

/** Whether a notification says that its thread is not loaded any more. */
export const saysUnloaded = (method: unknown, params: unknown): boolean =>
  closing.has(method) || statusOf(method, params) === "notLoaded"

/** The statuses of a thread on which no turn runs. */
const idle: ReadonlySet<unknown> = new Set<Protocol.ThreadStatus["type"]>(["idle", "notLoaded", "systemError"])

/** Whether a notification says that no turn of its thread runs. */
export const saysIdle = (method: unknown, params: unknown): boolean =>
  closing.has(method) || idle.has(statusOf(method, params))
