/**
 * Requests of the server that clients answer: approvals, questions, elicitations.
 */
import * as ServerRequests from "effect-codex/ServerRequests"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Asked } from "../model/events.ts"
import type { EventLog } from "./EventLog.ts"

/** The requests of one activation. */
export interface Requests {
  /** The handlers of the thread. */
  readonly handlers: ServerRequests.ServerRequestHandlers
  /** Answers a request. Returns false if no answer is needed any more. */
  readonly answer: (requestId: string, answer: unknown) => Effect.Effect<boolean>
}

/** Creates the requests of an activation: each is an event of its log until it is answered. */
export const make = (log: EventLog): Effect.Effect<Requests, never, Scope.Scope> =>
  Effect.gen(function*() {
    const inbox = yield* ServerRequests.inbox()
    const open = new Map<string, ServerRequests.Pending<ServerRequests.InteractiveMethod>>()
    let asked = 0

    const show = (pending: ServerRequests.Pending<ServerRequests.InteractiveMethod>) =>
      Effect.gen(function*() {
        asked += 1
        // The server numbers its requests anew after each start.
        const requestId = `${log.end.epoch}.${asked}`
        open.set(requestId, pending)
        // Method and parameters belong together, which TypeScript cannot see across the union.
        log.add({ method: "$asked", requestId, request: { method: pending.method, params: pending.params } } as Asked)
        yield* pending.closed
        open.delete(requestId)
        log.add({ method: "$settled", requestId })
      })

    yield* Effect.forkScoped(Stream.runForEach(inbox.requests, (pending) => Effect.forkScoped(show(pending))), {
      startImmediately: true
    })
    return {
      handlers: inbox.handlers,
      answer: (requestId, answer) =>
        Effect.suspend(() => {
          const pending = open.get(requestId)
          if (pending === undefined) return Effect.succeed(false)
          // The server checks the answer: it has the form of the method that the client was shown.
          return (pending as ServerRequests.PendingOf<ServerRequests.InteractiveMethod>).respond(
            answer as ServerRequests.Response<ServerRequests.InteractiveMethod>
          )
        })
    }
  })
