/**
 * The lookup of the handler of a server request: that of the asking thread, of the nearest thread from which it derives, then of
 * the client.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { printable } from "../base/printable.ts"
import { declineAll } from "../model/requests/ApprovalHandlers.ts"
import type * as ServerRequests from "../model/requests/ServerRequests.ts"
import type { Family } from "./Family.ts"

/** The part of a request that determines its handler. */
export interface Question {
  readonly id: string | number
  readonly method: ServerRequests.Method
  readonly threadId: string | undefined
  readonly turnId: string | undefined
}

/** The handler that answers a request, and the context that it receives. */
export interface Answerer {
  readonly handler: ServerRequests.AnyHandler
  readonly context: ServerRequests.RequestContext
}

/** The time limit for `thread/read`, which reports the parent of the asking thread. */
const lookUpTimeout = "5 seconds"

/**
 * Finds the handlers of requests on one client. The result is undefined if another client has to answer: on a shared
 * server each connection is asked, and the first answer counts.
 */
export const make = ({ client, family, isShared, read }: {
  /** The client's own handlers. */
  readonly client: ServerRequests.AllHandlers
  readonly family: Family
  /** Returns true if the connection in use shares its server with other clients. */
  readonly isShared: () => boolean
  /** Reads a thread from the server (`thread/read`). */
  readonly read: (threadId: string) => Effect.Effect<Protocol.Thread, unknown>
}): (question: Question) => Effect.Effect<Answerer | undefined> => {
  const lookUps = new Map<string, Deferred.Deferred<boolean>>()

  /** Looks up the parent of a thread, once for all requests that wait for it. False if the server does not report it. */
  const lookUp = (threadId: string): Effect.Effect<boolean> =>
    Effect.suspend(() => {
      const before = lookUps.get(threadId)
      if (before !== undefined) return Deferred.await(before)
      const done = Deferred.makeUnsafe<boolean>()
      lookUps.set(threadId, done)
      return read(threadId).pipe(
        Effect.timeout(lookUpTimeout),
        Effect.map((thread) => {
          family.learn(thread)
          return true
        }),
        Effect.catchCause(() => Effect.succeed(false)),
        Effect.onExit((exit) =>
          Effect.sync(() => {
            lookUps.delete(threadId)
            Deferred.doneUnsafe(done, Exit.succeed(Exit.isSuccess(exit) && exit.value))
          })
        ),
        // The look-up has its own fiber, because one request may be withdrawn while others wait.
        Effect.forkDetach,
        Effect.andThen(Deferred.await(done))
      )
    })

  /** The nearest handler among those that are known; the client's if the whole ancestry is known. */
  const nearest = (threadId: string, method: ServerRequests.Method) => {
    const { members, unknown } = family.lineage(threadId)
    for (const { handlers } of members) {
      const handler = handlers?.[method]
      if (handler !== undefined) return { handler }
    }
    if (unknown !== undefined) return { unknown }
    if (isShared() && !members.some(({ isOpened }) => isOpened)) return {}
    return { handler: client[method] }
  }

  const contextOf = ({ id, method, threadId, turnId }: Question): ServerRequests.RequestContext => {
    const parentThreadId = threadId === undefined ? undefined : family.get(threadId)?.parent
    return {
      method,
      requestId: id,
      threadId,
      turnId,
      ...(threadId === undefined || typeof parentThreadId !== "string"
        ? {}
        : { parentThreadId, rootThreadId: family.rootOf(threadId) })
    }
  }

  return (question) => {
    const { method, threadId } = question
    const answerer = (handler: unknown): Answerer => ({
      // The handler is the one of this method, which TypeScript can't see.
      handler: handler as ServerRequests.AnyHandler,
      context: contextOf(question)
    })
    if (threadId === undefined) return Effect.succeed(answerer(client[method]))

    const find: Effect.Effect<Answerer | undefined> = Effect.suspend(() => {
      const { handler, unknown } = nearest(threadId, method)
      if (handler !== undefined) return Effect.succeed(answerer(handler))
      if (unknown === undefined) return leave(question, "no thread of this client is above it")
      return Effect.flatMap(lookUp(unknown), (told) => {
        if (told) return find
        if (isShared()) return leave(question, "thread/read did not tell the thread above it")
        return Effect.as(
          Effect.logWarning(printable(
            `Declined ${method}: thread/read did not tell which thread ${unknown} belongs to, so no handler is responsible.`
          )),
          answerer(declineAll[method])
        )
      })
    })
    return find
  }
}

const leave = ({ method, threadId }: Question, why: string): Effect.Effect<undefined> =>
  Effect.as(
    Effect.logInfo(printable(`Left ${method} of thread ${threadId} to another client of the shared server: ${why}.`)),
    undefined
  )
