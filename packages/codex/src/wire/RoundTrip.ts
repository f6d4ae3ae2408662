/**
 * One request on one connection: it is registered and written, then waits for its response until its time limit.
 */
import type * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Tracer from "effect/Tracer"
import type { Deadlines } from "../base/Deadlines.ts"
import * as JsonRpc from "../base/JsonRpc.ts"
import type { Connection } from "../model/connection/Transport.ts"
import { CodexTimeoutError, InvalidInputError, type RequestError } from "../model/errors/CodexError.ts"
import type { Answer, Pending } from "./PendingRequests.ts"
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
  /** Receives the id of the request before it is written. */
  readonly onId?: ((id: number) => void) | undefined
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
  Effect.withFiber((fiber) => roundTripIn(fiber, wire, request))

/** As {@link roundTrip}, in a fiber that is known. Run the result once. */
export const roundTripIn = <A>(
  fiber: Fiber.Fiber<unknown, unknown>,
  wire: Wire,
  request: Request<A>
): Effect.Effect<A, RequestError> => {
  const slots = request.control === true ? undefined : wire.slots?.of(request.method)
  const call = new Call(wire, request, slots, fiber)
  // Nothing is registered before the clean-up is in place: a fiber may be interrupted between any two steps.
  return Effect.onError(
    Effect.suspend(() => slots === undefined || slots.tryTake() ? call.send() : waitAndSend(request, slots, call)),
    (cause) => {
      call.abandon(cause)
      return Effect.void
    }
  )
}

const waitAndSend = <A>(
  { method, params, timeout }: Request<A>,
  slots: Slots,
  call: Call<A>
): Effect.Effect<A, RequestError> =>
  Effect.uninterruptibleMask((interruptibly) => {
    const waiting = Effect.timeoutOrElse(slots.take, {
      duration: timeout,
      orElse: () => Effect.fail(timedOut(method, timeout, threadIdOf(params)))
    })
    // The request owns the slot before it can be interrupted again.
    return Effect.flatMap(interruptibly(waiting), () => interruptibly(call.send()))
  })

/** One request, from its registration to its end. A class, because a closure for each step costs more. */
class Call<A> implements Pending {
  readonly method: string
  readonly threadId: string | undefined
  private readonly wire: Wire
  private readonly request: Request<A>
  private readonly slots: Slots | undefined
  private readonly fiber: Fiber.Fiber<unknown, unknown>
  /** The id of the request; 0 before it is registered. */
  private id = 0
  /** The end of the request; the first one counts. */
  private ended: Exit.Exit<A, RequestError> | undefined
  private resume: ((exit: Exit.Exit<A, RequestError>) => void) | undefined
  private cancelDeadline: (() => void) | undefined

  constructor(wire: Wire, request: Request<A>, slots: Slots | undefined, fiber: Fiber.Fiber<unknown, unknown>) {
    this.method = request.method
    this.threadId = threadIdOf(request.params)
    this.wire = wire
    this.request = request
    this.slots = slots
    this.fiber = fiber
  }

  /** Registers the request, which has its slot, and writes it. Waits for the response. */
  send(): Effect.Effect<A, RequestError> {
    const { connection, deadlines, router } = this.wire
    const { method, onId, onSend, params, span, timeout } = this.request
    const { slots } = this
    const id = router.expect(this)
    onId?.(id)
    const trace = span === undefined || this.fiber.getRef(Tracer.DisablePropagation) ? undefined : traceOf(span)
    const message = encode({ id, method, params, trace }, connection)
    if (typeof message !== "string") {
      router.forget(id)
      slots?.answered()
      return Effect.fail(message)
    }
    if (this.ended !== undefined) {
      if (slots?.untilRead === true) slots.answered()
      return this.ended
    }
    this.id = id
    if (slots?.untilRead === true) router.whenRead(id, () => slots.answered())
    this.cancelDeadline = deadlines.add(timeout, () => {
      this.forget(this.request.late)
      this.end(Exit.fail(timedOut(method, timeout, this.threadId)))
    })
    const answer = Effect.callback<A, RequestError>((onEnd) => {
      if (this.ended === undefined) this.resume = onEnd
      else onEnd(this.ended)
    })
    const sending = onSend === undefined
      ? connection.send(message)
      : Effect.onExit(connection.send(message), (exit) => Effect.sync(() => onSend(Exit.isSuccess(exit))))
    return Effect.andThen(sending, answer)
  }

  /** Takes the response. Runs in the reader. */
  settle(answer: Answer): void {
    // Reading the result may throw; the request is then settled again.
    const exit = Exit.isSuccess(answer) ? this.request.read(answer.value) : Exit.failCause(answer.cause)
    this.untilAnswered?.answered()
    this.end(exit)
  }

  /** The request could not be sent, or its caller has gone. */
  abandon(cause: Cause.Cause<RequestError>): void {
    if (this.id === 0) return
    this.forget()
    this.end(Exit.failCause(cause))
  }

  /** The slots, if the request holds its slot until it is answered. */
  private get untilAnswered(): Slots | undefined {
    return this.slots?.untilRead === true ? undefined : this.slots
  }

  private forget(late?: (result: unknown) => void): void {
    if (this.ended === undefined) this.wire.router.forget(this.id, { late, read: this.untilAnswered?.abandoned() })
  }

  private end(exit: Exit.Exit<A, RequestError>): void {
    if (this.ended !== undefined) return
    this.ended = exit
    this.cancelDeadline?.()
    Telemetry.requestEnded(this.method, exit, this.fiber.context)
    this.resume?.(exit)
  }
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
