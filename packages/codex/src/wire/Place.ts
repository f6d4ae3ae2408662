/**
 * The thread and the turn to which a message belongs.
 *
 * The protocol's tables name the paths of the ids of known methods. In a message with an unknown method, the ids are searched at
 * the paths that known methods use.
 */
import * as Methods from "@effect-codex/protocol/Methods"
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Predicate from "effect/Predicate"

type Params = { readonly [key: string]: unknown }

const requests: ReadonlyMap<string, Methods.Route> = Methods.serverRequests

/** Returns the thread and the turn of a request of the server. */
export const ofRequest = (
  method: string,
  params: unknown
): { readonly threadId: string | undefined; readonly turnId: string | undefined } => {
  if (!Predicate.isObject(params)) return { threadId: undefined, turnId: undefined }
  const route = requests.get(method)
  return { threadId: threadOf(route, params), turnId: turnOf(route, params) }
}

/** Returns the id of the thread. Without a route, the usual places are searched. */
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

/** Returns the id of the turn. Without a route, the usual places are searched. */
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

/** Returns the status of a thread, if a notification reports it. */
const statusOf = (method: unknown, params: unknown): unknown => {
  if (method !== "thread/status/changed" || !Predicate.isObject(params)) return undefined
  const { status } = params
  return Predicate.isObject(status) ? status["type"] : undefined
}

/** Returns true if a notification says that its thread is not loaded any more. */
export const saysUnloaded = (method: unknown, params: unknown): boolean =>
  closing.has(method) || statusOf(method, params) === "notLoaded"

/** The statuses of a thread on which no turn runs. */
const idle: ReadonlySet<unknown> = new Set<Protocol.ThreadStatus["type"]>(["idle", "notLoaded", "systemError"])

/** Returns true if a notification says that no turn runs on its thread. */
export const saysIdle = (method: unknown, params: unknown): boolean =>
  closing.has(method) || idle.has(statusOf(method, params))
