/**
 * One request on one connection: write, await the answer, give up after a while.
 */
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Tracer from "effect/Tracer"
import { CodexTimeoutError, InvalidInputError, type RequestError } from "../CodexError.ts"
import type { Router } from "../Router.ts"
import type { Connection } from "../Transport.ts"

export interface Request<A> {
  readonly method: string
  readonly params: unknown
  /** Reads the result. Runs in the reader, before the next message is looked at. */
  readonly read: (result: unknown) => Exit.Exit<A, RequestError>
  readonly timeout: Duration.Duration
}

/** Requests get numbers, unique over all connections of this program. */
let lastId = 0

export const roundTrip = <A>(
  router: Router["Service"],
  connection: Connection,
  { method, params, read, timeout }: Request<A>
): Effect.Effect<A, RequestError> =>
  Effect.withFiber((fiber) => {
    const id = ++lastId
    const message = encode({ id, method, params, trace: traceOf(fiber) })
    if (typeof message !== "string") return Effect.fail(message)
    const threadId = threadIdOf(params)
    const answer = Deferred.makeUnsafe<A, RequestError>()
    router.expect(id, {
      method,
      threadId,
      settle: (exit) => {
        Deferred.doneUnsafe(answer, Exit.isSuccess(exit) ? read(exit.value) : Exit.failCause(exit.cause))
      }
    })
    return connection.send(message).pipe(
      Effect.andThen(Deferred.await(answer)),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () =>
          Effect.fail(
            new CodexTimeoutError({
              method,
              timeoutMs: Duration.toMillis(timeout),
              ...(threadId === undefined ? {} : { threadId })
            })
          )
      }),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Effect.sync(() => router.forget(id)))
    )
  })

/** A message as one line of JSON, or why it can't be one. */
export const encode = (message: { readonly method: string; readonly [key: string]: unknown }) => {
  try {
    return JSON.stringify(message)
  } catch (error) {
    return new InvalidInputError({
      field: message.method,
      detail: `its parameters can't be written as JSON (${error})`
    })
  }
}

const threadIdOf = (params: unknown): string | undefined =>
  typeof params === "object" && params !== null && "threadId" in params && typeof params.threadId === "string"
    ? params.threadId
    : undefined

/** The W3C trace context of the current span, for the server to go on with. */
const traceOf = (fiber: Fiber.Fiber<unknown, unknown>): { readonly traceparent: string } | undefined => {
  const span = fiber.cache.span
  if (span === undefined || fiber.getRef(Tracer.DisablePropagation)) return undefined
  return { traceparent: `00-${span.traceId.padStart(32, "0")}-${span.spanId}-${span.sampled ? "01" : "00"}` }
}
