/**
 * Handlers for the server's requests, as async functions: approvals, questions to the user, elicitations.
 */
import * as Effect from "effect/Effect"
import { messageOf } from "../base/text.ts"
import { acceptAll, acceptForSession, declineAll } from "../model/requests/ApprovalHandlers.ts"
import {
  type AnyHandler,
  isPartial,
  type Method,
  orElse,
  type Params,
  type RequestContext,
  type Response,
  ServerRequestError,
  type ServerRequestHandlers
} from "../model/requests/ServerRequests.ts"

/**
 * The origin of a request, and a signal.
 *
 * @category models
 */
export interface HandlerContext extends RequestContext {
  /** Aborted when the answer is no longer needed: the server withdrew the request, the turn ended, or the connection was lost. */
  readonly signal: AbortSignal
}

/**
 * Answers one method. If it throws, the server receives an error with that message, and the error is logged. It may also return an
 * Effect, as the handlers of `ServerRequests` do.
 *
 * @category models
 */
export type Handler<M extends Method> = (
  params: Params<M>,
  context: HandlerContext
) => Response<M> | Promise<Response<M>> | Effect.Effect<Response<M>, ServerRequestError>

/**
 * Handlers by method, such as those of `ServerRequests.rules`, or a preset: `"declineAll"`, `"acceptAll"`, or `"acceptForSession"`. In
 * a list, each answers what those before it leave. Requests that none answers go to the handlers of the client, then to `"declineAll"`.
 *
 * @category models
 */
export type Handlers = SomeHandlers | ReadonlyArray<SomeHandlers>

/** Handlers by method, or a preset. */
type SomeHandlers =
  | { readonly [M in Method]?: Handler<M> }
  | "declineAll"
  | "acceptAll"
  | "acceptForSession"

const presets = { acceptAll, acceptForSession, declineAll }

/** A handler whose method the types do not know. */
type AnyAsyncHandler = (params: unknown, context: HandlerContext) => unknown

const toEffectHandler = (handler: AnyAsyncHandler): AnyHandler => (params, context) =>
  Effect.callback((resume, signal) => {
    const refuse = (error: unknown) =>
      resume(Effect.andThen(
        Effect.logError(`The handler of ${context.method} failed.`, error),
        Effect.fail(new ServerRequestError({ message: messageOf(error) }))
      ))
    try {
      const answer = handler(params, { ...context, signal })
      // The types of handlers allow only this kind of Effect.
      if (Effect.isEffect(answer)) return resume(answer as ReturnType<AnyHandler>)
      Promise.resolve(answer).then((value) => resume(Effect.succeed(value)), refuse)
    } catch (error) {
      refuse(error)
    }
  })

const isList = (handlers: Handlers): handlers is ReadonlyArray<SomeHandlers> => Array.isArray(handlers)

/**
 * Returns the handlers as Effects. Values that are no functions pass unchanged: the check of the option reports them. Rules pass
 * unchanged, too, because they leave some requests to the next handler.
 */
export const toEffectHandlers = (handlers: Handlers): ServerRequestHandlers => {
  if (typeof handlers === "string") return presets[handlers]
  if (isList(handlers)) {
    return handlers.map(toEffectHandlers).reduce((before, next) => orElse(before, next), {})
  }
  // The entries lose the types of the handlers by method.
  return Object.fromEntries(
    Object.entries<unknown>(handlers).map(([method, handler]) => [
      method,
      typeof handler === "function" && !isPartial(handler as AnyHandler)
        ? toEffectHandler(handler as AnyAsyncHandler)
        : handler
    ])
  )
}
