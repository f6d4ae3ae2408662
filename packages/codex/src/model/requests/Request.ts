/**
 * Requests from the client to the server: methods, parameters, responses and options.
 */
import type * as Methods from "@effect-codex/protocol/Methods"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Schedule from "effect/Schedule"
import type { RequestError } from "../errors/CodexError.ts"

/**
 * A method of the protocol that a client can call. `Methods.ClientRequests` of `@effect-codex/protocol` lists them.
 *
 * @category models
 */
export type Method = Methods.ClientRequestMethod

/**
 * The parameters of a method.
 *
 * @category models
 */
export type Params<M extends Method> = Methods.ClientRequests[M]["params"]

/**
 * The response to a method.
 *
 * @category models
 */
export type Response<M extends Method> = Methods.ClientRequests[M]["response"]

/**
 * Options of one request.
 *
 * @category models
 */
export interface RequestOptions {
  /** The time limit for the response, including the wait for a server that is restarting. Default: `requestTimeout`. */
  readonly timeout?: Duration.Input | undefined
  /**
   * The schedule by which a request is sent again when the server is overloaded; `false` never sends it again. A schedule that
   * you pass applies to every method. Default: two retries after about 250 and 500 ms, if the request is safe to repeat.
   */
  readonly retry?: Schedule.Schedule<unknown, RequestError> | false | undefined
}

/**
 * The arguments of `request` after the method. A method without parameters, or with optional ones only, needs none.
 *
 * @category models
 */
export type RequestArgs<M extends Method> = undefined extends Params<M> ? [params?: Params<M>, options?: RequestOptions]
  : [params: Params<M>, options?: RequestOptions]

/** Sends a request, and returns its response. */
export type SendRequest = <M extends Method>(
  method: M,
  ...args: RequestArgs<M>
) => Effect.Effect<Response<M>, RequestError>
