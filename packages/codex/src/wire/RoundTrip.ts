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
import type { Connection } from "../model/connection/Transport.ts"
import { CodexTimeoutError, InvalidInputError, type RequestError } from "../model/errors/CodexError.ts"
import type { Router } from "./Router.ts"
import type { AllSlots, Slots } from "./Slots.ts"
import * as Telemetry from "./Telemetry.ts"

export interface Request<A> {
  readonly method: string
  readonly params: unknown
  /** Reads the result. Runs in the reader, before the next message. */
  readonly read: (result: unknown) => Exit.Exit<A, RequestError>
  /** The time limit for a slot, and then for the response. */
  readonly timeout: Duration.Duration
  /** True for a control request, which never waits for a slot. */
  readonly control?: boolean | undefined
  /** Receives a result that arrives after the time limit, in the reader. Without it, such a result is dropped. */
  readonly late?: ((result: unknown) => void) | undefined
  /** Runs when the connection has accepted the request, or has not. */
  readonly onSend?: ((isAccepted: boolean) => void) | undefined
  /** The span whose trace the server continues. */
  readonly span?: Tracer.AnySpan | undefined
}

/** The services that a request uses. */
export interface Wire {
  readonly router: Router["Service"]
  readonly deadlines: Deadlines
  readonly connection: Connection
  /** Limits the requests in flight; the handshake is before all others. */
  readonly slots?: AllSlots | undefined
}

/** Sends a request, and waits for its response. If too many requests are in flight, it first waits for a slot. */
export const roundTrip = <A>(wire: Wire, request: Request<A>): Effect.Effect<A, RequestError> =>
  Effect.withFiber((fiber) => {
    const slots = request.control === true ? undefined : wire.slots?.of(request.method)
    return slots === undefined || slots.tryTake()
      ? send(wire, request, slots, fiber)
      : Effect.uninterruptibleMask((interruptibly) => {
        const { method, timeout } = request
        const waiting = Effect.timeoutOrElse(slots.take, {
          duration: timeout,
          orElse: () => Effect.fail(timedOut(method, timeout, threadIdOf(request.params)))
        })
        // The request owns the slot before it can be interrupted again.
        return Effect.flatMap(interruptibly(waiting), () => send(wire, request, slots, fiber, interruptibly))
      })
  })

/** Sends a request that has its slot. */
const send = <A>(
  { connection, deadlines, router }: Wire,
  { late, method, onSend, params, read, span, timeout }: Request<A>,
  slots: Slots | undefined,
  fiber: Fiber.Fiber<unknown, unknown>,
  interruptibly: (answer: Effect.Effect<A, RequestError>) => Effect.Effect<A, RequestError> = identity
): Effect.Effect<A, RequestError> => {
  const threadId = threadIdOf(params)
  const untilAnswered = slots?.untilRead === true ? undefined : slots
  /** The end of the request; the first one counts. */
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
  /** True while the request is written, and its response has not arrived. */
  const abandon = (late?: (result: unknown) => void) => {
    if (ended === undefined) router.forget(id, { late, read: untilAnswered?.abandoned() })
  }
  const id = router.expect({
    method,
    threadId,
    settle: (exit) => {
      // What is read may throw, and is then settled once more.
      const result = Exit.isSuccess(exit) ? read(exit.value) : Exit.failCause(exit.cause)
      untilAnswered?.answered()
      end(result)
    }
  })
  const trace = span === undefined || fiber.getRef(Tracer.DisablePropagation) ? undefined : traceOf(span)
  const message = encode({ id, method, params, trace }, connection)
  if (typeof message !== "string") {
    router.forget(id)
    slots?.answered()
    return Effect.fail(message)
  }
  if (ended !== undefined) {
    if (untilAnswered === undefined) slots?.answered()
    return ended
  }
  if (slots?.untilRead === true) router.whenRead(id, () => slots.answered())
  cancelDeadline = deadlines.add(timeout, () => {
    abandon(late)
    end(Exit.fail(timedOut(method, timeout, threadId)))
  })
  const answer = Effect.callback<A, RequestError>((onEnd) => {
    if (ended === undefined) resume = onEnd
    else onEnd(ended)
  })
  const sending = onSend === undefined
    ? connection.send(message)
    : Effect.onExit(connection.send(message), (exit) => Effect.sync(() => onSend(Exit.isSuccess(exit))))
  return Effect.onError(interruptibly(Effect.andThen(sending, answer)), (cause) => {
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

/** Encodes a request or a notification as one line of JSON for this connection, or fails. */
export const encode = (
  message: { readonly method: string; readonly [key: string]: unknown },
  { maxMessageBytes }: Connection
): string | InvalidInputError =>
  Result.match(JsonRpc.encode(message, maxMessageBytes), {
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
