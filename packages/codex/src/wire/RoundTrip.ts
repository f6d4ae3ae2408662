/**
 * One request on one connection: it is registered and written, then waits for its response until its time limit.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Tracer from "effect/Tracer"
import type { Deadlines } from "../base/Deadlines.ts"
import * as JsonRpc from "../base/JsonRpc.ts"
import { CodexTimeoutError, InvalidInputError, type RequestError } from "../model/CodexError.ts"
import type { Connection } from "../model/Transport.ts"
import type { Router } from "./Router.ts"
import { type Slots, takesSlot } from "./Slots.ts"
import * as Telemetry from "./Telemetry.ts"

export interface Request<A> {
  readonly method: string
  readonly params: unknown
  /** Reads the result. Runs in the reader, before the next message is looked at. */
  readonly read: (result: unknown) => Exit.Exit<A, RequestError>
  /** How long to wait for a slot, and then for the answer. */
  readonly timeout: Duration.Duration
  /** Whether it is a control request, which never waits for a slot. */
  readonly control?: boolean | undefined
  /** Takes a result that comes when the time is up, in the reader. Without it such an answer is dropped. */
  readonly late?: ((result: unknown) => void) | undefined
  /** The server goes on with the trace of this span. */
  readonly span?: Tracer.AnySpan | undefined
}

/** The way to the server and back. */
export interface Wire {
  readonly router: Router["Service"]
  readonly deadlines: Deadlines
  readonly connection: Connection
  /** Limits the requests in flight; the handshake is before all others. */
  readonly slots?: Slots | undefined
}

/** Sends a request and waits for its answer. Where too many are in flight, it waits for a slot first. */
export const roundTrip = <A>(wire: Wire, request: Request<A>): Effect.Effect<A, RequestError> =>
  Effect.withFiber((fiber) => {
    const slots = request.control === true || !takesSlot(request.method) ? undefined : wire.slots
    return slots === undefined || slots.tryTake()
      ? send(wire, request, slots, fiber)
      : Effect.uninterruptibleMask((interruptibly) => {
        const { method, timeout } = request
        const waiting = Effect.timeoutOrElse(slots.take, {
          duration: timeout,
          orElse: () => Effect.fail(timedOut(method, timeout, threadIdOf(request.params)))
        })
        // What was taken is in the hands of the request before it can be interrupted again.
        return Effect.flatMap(interruptibly(waiting), () => send(wire, request, slots, fiber, interruptibly))
      })
  })

/** Sends a request, which has its slot. */
const send = <A>(
  { connection, deadlines, router }: Wire,
  { late, method, params, read, span, timeout }: Request<A>,
  slots: Slots | undefined,
  fiber: Fiber.Fiber<unknown, unknown>,
  interruptibly: (answer: Effect.Effect<A, RequestError>) => Effect.Effect<A, RequestError> = identity
): Effect.Effect<A, RequestError> => {
  const threadId = threadIdOf(params)
  /** How it ended; the first end counts. */
  let ended: Exit.Exit<A, RequestError> | undefined
  let resume: ((exit: Exit.Exit<A, RequestError>) => void) | undefined
  let cancelDeadline: (() => void) | undefined
  const end = (exit: Exit.Exit<A, RequestError>) => {
    if (ended !== undefined) return
    ended = exit
    cancelDeadline?.()
    Telemetry.requestEnded(method, exit, fiber.context)
    resume?.(exit)
  }
  /** It was written, and its answer has not come. */
  const abandon = (late?: (result: unknown) => void) => {
    if (ended === undefined) router.forget(id, { late, read: slots?.abandoned() })
  }
  const id = router.expect({
    method,
    threadId,
    settle: (exit) => {
      slots?.answered()
      end(Exit.isSuccess(exit) ? read(exit.value) : Exit.failCause(exit.cause))
    }
  })
  const trace = span === undefined || fiber.getRef(Tracer.DisablePropagation) ? undefined : traceOf(span)
  const message = encode({ id, method, params, trace })
  if (typeof message !== "string") {
    router.forget(id)
    slots?.answered()
    return Effect.fail(message)
  }
  if (ended !== undefined) return ended
  cancelDeadline = deadlines.add(timeout, () => {
    abandon(late)
    end(Exit.fail(timedOut(method, timeout, threadId)))
  })
  const answer = Effect.callback<A, RequestError>((onEnd) => {
    if (ended === undefined) resume = onEnd
    else onEnd(ended)
  })
  return Effect.onError(interruptibly(Effect.andThen(connection.send(message), answer)), (cause) => {
    // The request could not be sent, or its caller has gone.
    abandon()
    end(Exit.failCause(cause))
    return Effect.void
  })
}

const timedOut = (method: string, timeout: Duration.Duration, threadId: string | undefined): CodexTimeoutError =>
  new CodexTimeoutError({
    method,
    timeoutMs: Duration.toMillis(timeout),
    ...(threadId === undefined ? {} : { threadId })
  })

/** A request or a notification as one line of JSON, or why it can't be one. */
export const encode = (message: {
  readonly method: string
  readonly [key: string]: unknown
}): string | InvalidInputError =>
  Result.match(JsonRpc.encode(message), {
    onFailure: (detail) =>
      new InvalidInputError({ field: message.method, detail: `its parameters can't be sent: ${detail}` }),
    onSuccess: (line) => line
  })

const threadIdOf = (params: unknown): string | undefined =>
  Predicate.hasProperty(params, "threadId") && typeof params.threadId === "string" ? params.threadId : undefined

/** The W3C trace context of a span. */
const traceOf = (span: Tracer.AnySpan): { readonly traceparent: string } | undefined =>
  Context.get(span.annotations, Tracer.DisablePropagation)
    ? undefined
    : { traceparent: `00-${span.traceId.padStart(32, "0")}-${span.spanId}-${span.sampled ? "01" : "00"}` }
