/**
 * Requests of a client: sent within a span, a slot and a time limit, sent again after an overload, and decoded.
 */
import * as Methods from "@effect-codex/protocol/Methods"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type { Deadlines } from "../base/Deadlines.ts"
import { describe } from "../base/issue.ts"
import { ErrorCode } from "../base/JsonRpc.ts"
import { type Checks, notPositive, positiveDuration, timeout } from "../base/options.ts"
import type { Connection } from "../model/connection/Transport.ts"
import { CodexDecodeError, InvalidInputError, type RequestError } from "../model/errors/CodexError.ts"
import type { Method, RequestOptions, Response } from "../model/requests/Request.ts"
import { roundTrip, roundTripIn } from "../wire/RoundTrip.ts"
import type { Router } from "../wire/Router.ts"
import type { Session } from "../wire/Session.ts"
import { AllSlots } from "../wire/Slots.ts"
import * as Telemetry from "../wire/Telemetry.ts"
import type { SendOptions } from "../wire/TurnControls.ts"

/** One check for each option of a request. */
export const checks: Checks<RequestOptions> = {
  timeout,
  retry: (value) => value === false || Schedule.isSchedule(value) ? undefined : "it is not a Schedule, and not false"
}

/** The default schedule of `RequestOptions.retry`. */
const whenOverloaded = Schedule.min([Schedule.exponential("250 millis"), Schedule.spaced("2 seconds")]).pipe(
  Schedule.jittered,
  Schedule.upTo({ times: 2 })
)

/** Handles the first failure of an effect: runs the effect again by the schedule, or fails. */
const again = <A>(
  effect: () => Effect.Effect<A, RequestError>,
  error: RequestError,
  options: {
    readonly schedule: Schedule.Schedule<unknown, RequestError>
    readonly while: (error: RequestError) => boolean
  }
): Effect.Effect<A, RequestError> => {
  if (!options.while(error)) return Effect.fail(error)
  let attempts = 0
  return Effect.retry(Effect.suspend(() => attempts++ === 0 ? Effect.fail(error) : effect()), options)
}

/** Returns true for requests that change nothing, which are safe to send twice. */
const isSafeToRepeat = (method: string): boolean => /\/(list|read|get|status|search|readiness|detect)$/.test(method)

/** Returns true if a request may be sent again. With `always`, the caller has declared every method safe to repeat. */
const mayRepeat = (method: string, error: RequestError, always: boolean): boolean =>
  error._tag === "CodexRpcError" && error.reason._tag === "Overloaded"
  // With this code, the server has not processed the request.
  && (always || error.code === ErrorCode.overloaded || isSafeToRepeat(method))

/** Returns the decoder of the response to a method. */
export const decode = <M extends Method>(method: M) => (result: unknown): Exit.Exit<Response<M>, CodexDecodeError> => {
  const entry: Methods.ClientRequestEntry<Response<M>> | undefined = Methods.clientRequests.get(method)
  // A newer server may know a method that the types do not.
  if (entry === undefined) return Exit.succeed(result as Response<M>)
  const response = Methods.decode(entry.response, result)
  return Result.isSuccess(response)
    ? Exit.succeed(response.success)
    : Exit.fail(new CodexDecodeError({ method, issue: describe(response.failure), raw: result }))
}

/** Returns the function that sends the requests of one client; `read` reads the result, in the reader. */
export const make = ({ deadlines, fork, maxInFlight, requestTimeout, router, session }: {
  readonly router: Router["Service"]
  readonly deadlines: Deadlines
  readonly session: Session
  readonly requestTimeout: Duration.Duration
  readonly maxInFlight: number
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}) => {
  const prove = Effect.flatMap(session.connection(requestTimeout), (connection) => {
    const request = {
      method: "thread/loaded/list",
      params: { limit: 1 },
      read: () => Exit.void,
      timeout: requestTimeout
    }
    return roundTrip({ router, deadlines, connection }, request)
  })
  const slots = new AllSlots(maxInFlight, Effect.ignore(prove), fork)
  return <A>(
    method: string,
    params: unknown,
    read: (result: unknown) => Exit.Exit<A, RequestError>,
    options: RequestOptions & SendOptions = {}
  ): Effect.Effect<A, RequestError> => {
    const { control, late, onId, onSend, repeats } = options
    const timeout = options.timeout === undefined ? requestTimeout : positiveDuration(options.timeout)
    if (timeout === undefined) {
      return Effect.fail(new InvalidInputError({ field: "timeout", detail: notPositive }))
    }
    return Telemetry.request(method, (span, fiber) => {
      const request = { method, params, read, timeout, late, control, onId, onSend, span }
      const sendOn = (connection: Connection) => roundTripIn(fiber, { router, deadlines, connection, slots }, request)
      const once = () => {
        const connection = session.connected()
        return connection === undefined ? Effect.flatMap(session.connection(timeout), sendOn) : sendOn(connection)
      }
      const onceMore = (): Effect.Effect<A, RequestError> =>
        Effect.catchTag(
          once(),
          "CodexConnectionError",
          (error) => session.survives() ? Effect.andThen(Effect.yieldNow, onceMore()) : Effect.fail(error)
        )
      // A request that succeeds at once pays for none of this.
      return Effect.catch(repeats === true ? onceMore() : once(), (error) => {
        if (options.retry === false) return Effect.fail(error)
        return again(once, error, {
          schedule: options.retry ?? whenOverloaded,
          while: (error) => mayRepeat(method, error, options.retry !== undefined)
        })
      })
    })
  }
}
