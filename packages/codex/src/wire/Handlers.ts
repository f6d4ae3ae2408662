/**
 * The lookup of the handler of a server request: that of the asking thread, of the nearest thread from which it derives, then of
 * the client.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RealPath } from "../base/paths.ts"
import { printable } from "../base/printable.ts"
import { declineAll } from "../model/requests/ApprovalHandlers.ts"
import type * as ServerRequests from "../model/requests/ServerRequests.ts"
import { isPartial, withNext } from "../model/requests/ServerRequests.ts"
import type { Family } from "./Family.ts"

/** The part of a request that determines its handler. */
export interface Question {
  readonly id: string | number
  readonly method: ServerRequests.Method
  readonly threadId: string | undefined
  readonly turnId: string | undefined
  /** The item that the request names. */
  readonly itemId?: string | undefined
}

/** The handler that answers a request, and the context that it receives. */
export interface Answerer {
  readonly handler: ServerRequests.AnyHandler
  readonly context: ServerRequests.RequestContext
}

const followedBy = (
  handler: ServerRequests.AnyHandler | undefined,
  next: ServerRequests.AnyHandler
): ServerRequests.AnyHandler => handler === undefined ? next : withNext(handler, next)

/** The time limit for `thread/read`, which reports the parent of the asking thread. */
const lookUpTimeout = "5 seconds"

/**
 * Finds the handlers of requests on one client. The result is undefined if another client has to answer: on a shared
 * server each connection is asked, and the first answer counts.
 */
export const make = ({ client, family, isShared, read, realPath }: {
  /** The client's own handlers. */
  readonly client: ServerRequests.AllHandlers
  readonly family: Family
  /** Returns true if the connection in use shares its server with other clients. */
  readonly isShared: () => boolean
  /** Reads a thread from the server (`thread/read`). */
  readonly read: (threadId: string) => Effect.Effect<Protocol.Thread, unknown>
  /** `Transport.realPath` of the transport. */
  readonly realPath: RealPath | undefined
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
          return family.get(threadId)?.parent !== undefined
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

  /**
   * The nearest handler among those that are known, followed by the next ones if it leaves some requests to them; the client's if
   * the whole ancestry is known. `partly` is what is known of an unknown or endless ancestry.
   */
  const nearest = (threadId: string, method: ServerRequests.Method): {
    readonly handler?: ServerRequests.AnyHandler
    readonly unknown?: string
    readonly isEndless?: boolean
    readonly partly?: ServerRequests.AnyHandler | undefined
  } => {
    const { isEndless, members, unknown } = family.lineage(threadId)
    let found: ServerRequests.AnyHandler | undefined
    for (const { handlers } of members) {
      // The handler is the one of this method, which TypeScript can't see.
      const handler = handlers?.[method] as ServerRequests.AnyHandler | undefined
      if (handler === undefined) continue
      found = followedBy(found, handler)
      if (!isPartial(found)) return { handler: found }
    }
    if (unknown !== undefined) return { unknown, partly: found }
    if (isEndless) return { isEndless, partly: found }
    if (found === undefined && isShared() && !members.some(({ isOpened }) => isOpened)) return {}
    return { handler: followedBy(found, client[method] as ServerRequests.AnyHandler) }
  }

  const contextOf = ({ id, itemId, method, threadId, turnId }: Question): ServerRequests.RequestContext => {
    const changes = method === "item/fileChange/requestApproval" ? family.changes.get(threadId, itemId) : undefined
    const parentThreadId = threadId === undefined ? undefined : family.get(threadId)?.parent
    return {
      method,
      requestId: id,
      threadId,
      turnId,
      ...(changes === undefined ? {} : { changes }),
      ...(realPath === undefined ? {} : { realPath }),
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

    const decline = (why: string): Effect.Effect<Answerer> =>
      Effect.as(
        Effect.logWarning(printable(`Declined ${method}: ${why}, so no handler is responsible.`)),
        answerer(declineAll[method])
      )

    const find: Effect.Effect<Answerer | undefined> = Effect.suspend(() => {
      const { handler, isEndless, partly, unknown } = nearest(threadId, method)
      if (handler !== undefined) return Effect.succeed(answerer(handler))
      if (isEndless === true) {
        return isShared()
          ? leave(question, "its ancestry has no end")
          : decline(`the ancestry of thread ${threadId} has no end`)
      }
      if (unknown === undefined) return leave(question, "no thread of this client is above it")
      return Effect.flatMap(lookUp(unknown), (told) => {
        if (told) return find
        if (partly !== undefined) return Effect.succeed(answerer(partly))
        if (isShared()) return leave(question, "thread/read did not tell the thread above it")
        return decline(`thread/read did not tell which thread ${unknown} belongs to`)
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
