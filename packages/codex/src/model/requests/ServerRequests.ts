/**
 * The vocabulary of server requests: methods, handlers, and functions that create and combine handlers.
 */
import type * as Methods from "@effect-codex/protocol/Methods"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"

/** The method of a server request. */
export type Method = keyof Methods.ServerRequests

/** The parameters of a method. */
export type Params<M extends Method> = Methods.ServerRequests[M]["params"]

/** The response to a method. */
export type Response<M extends Method> = Methods.ServerRequests[M]["response"]

/**
 * A refusal to answer a request, sent to the server as a JSON-RPC error.
 *
 * @category errors
 */
export class ServerRequestError extends Schema.TaggedError<ServerRequestError>("effect-codex/ServerRequestError")(
  "ServerRequestError",
  {
    /** The reason. The server sees it, and often the model does. */
    message: Schema.String,
    /** The JSON-RPC code. Default: -32603, an internal error. */
    code: Schema.optionalKey(Schema.Number),
    /** More about the reason, as JSON. */
    data: Schema.optionalKey(Schema.Unknown)
  }
) {}

/**
 * The origin of a request: the thread and turn that ask, and the threads above them.
 *
 * @category models
 */
export interface RequestContext {
  /** The method of the request. */
  readonly method: Method
  /** The JSON-RPC id of the request, unique while it is open. */
  readonly requestId: string | number
  /** The thread that asks. Undefined if the request concerns no thread. */
  readonly threadId: string | undefined
  /** The turn that asks. Undefined if the request concerns no turn. */
  readonly turnId: string | undefined
  /** The thread that started the asking thread. Absent unless a sub-agent asks and its ancestry is known. */
  readonly parentThreadId?: string | undefined
  /** The topmost thread above the asking thread. Absent unless a sub-agent asks and its ancestry is known. */
  readonly rootThreadId?: string | undefined
}

/**
 * Answers one method. The client runs each call in its own fiber and interrupts it when the answer is no longer needed.
 *
 * @category models
 */
export type Handler<M extends Method, R = never> = (
  params: Params<M>,
  context: RequestContext
) => Effect.Effect<Response<M>, ServerRequestError, R>

/**
 * Handlers by method. Methods without a handler fall back to the client's handlers, then to `declineAll`.
 *
 * @category models
 */
export type ServerRequestHandlers<R = never> = { readonly [M in Method]?: Handler<M, R> }

/**
 * A handler for each method.
 *
 * @category models
 */
export type AllHandlers<R = never> = { readonly [M in Method]: Handler<M, R> }

/** A handler whose method the types do not know. */
export type AnyHandler<R = never> = (
  params: unknown,
  context: RequestContext
) => Effect.Effect<unknown, ServerRequestError, R>

/** The services that handlers require, all together. */
export type Requirements<H> = {
  readonly [M in keyof H]-?: NonNullable<H[M]> extends (
    ...args: never
  ) => Effect.Effect<unknown, unknown, infer R> ? R :
    never
}[keyof H]

/**
 * Handlers by method, with inferred types: parameters and responses follow from the method, and the requirements of all
 * handlers are combined. An unknown method is a type error.
 *
 * @example
 * ```ts
 * import * as Context from "effect/Context"
 * import * as Effect from "effect/Effect"
 * import { ServerRequests } from "effect-codex"
 *
 * class Policy extends Context.Service<Policy, { readonly allows: (command: string) => boolean }>()("app/Policy") {}
 *
 * // ServerRequestHandlers<Policy>
 * const handlers = ServerRequests.make({
 *   "item/commandExecution/requestApproval": ({ command }) =>
 *     Policy.use((policy) => Effect.succeed({ decision: policy.allows(command ?? "") ? "accept" : "decline" }))
 * })
 * ```
 *
 * @category constructors
 */
export const make = <H extends ServerRequestHandlers<unknown>>(
  handlers: H & { readonly [M in Exclude<keyof H, Method>]: never }
): ServerRequestHandlers<Requirements<H>> =>
  // The requirements were read off the handlers themselves, which TypeScript can't follow.
  handlers as ServerRequestHandlers<Requirements<H>>

const definedOnly = <R>(handlers: ServerRequestHandlers<R>): ServerRequestHandlers<R> =>
  Object.fromEntries(Object.entries(handlers).filter(([, handler]) => handler !== undefined))

/**
 * Fills in the methods without a handler from other handlers.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { ServerRequests } from "effect-codex"
 *
 * // Declines commands and accepts everything else.
 * const handlers = ServerRequests.orElse({
 *   "item/commandExecution/requestApproval": () => Effect.succeed({ decision: "decline" })
 * }, ServerRequests.acceptAll)
 * ```
 *
 * @category combinators
 */
export const orElse: {
  <R2>(rest: AllHandlers<R2>): <R>(handlers: ServerRequestHandlers<R>) => AllHandlers<R | R2>
  <R2>(rest: ServerRequestHandlers<R2>): <R>(handlers: ServerRequestHandlers<R>) => ServerRequestHandlers<R | R2>
  <R, R2>(handlers: ServerRequestHandlers<R>, rest: AllHandlers<R2>): AllHandlers<R | R2>
  <R, R2>(handlers: ServerRequestHandlers<R>, rest: ServerRequestHandlers<R2>): ServerRequestHandlers<R | R2>
} = dual(
  2,
  <R, R2>(handlers: ServerRequestHandlers<R>, rest: ServerRequestHandlers<R2>): ServerRequestHandlers<R | R2> => ({
    ...definedOnly<R | R2>(rest),
    ...definedOnly<R | R2>(handlers)
  })
)

/**
 * Runs a handler, as an Effect that always ends with an answer: in JavaScript, and from a cast, a handler may return
 * anything. Dies with a message about the handler if the value is not an Effect.
 */
export const invoke = <R>(
  handler: AnyHandler<R>,
  params: unknown,
  context: RequestContext
): Effect.Effect<unknown, ServerRequestError, R> =>
  Effect.suspend(() => {
    const returned: unknown = handler(params, context)
    if (Effect.isEffect(returned)) return returned as ReturnType<AnyHandler<R>>
    if (!Predicate.isPromiseLike(returned)) {
      return Effect.die(
        new TypeError(`The handler of ${context.method} must return an Effect, but returned ${typeof returned}`)
      )
    }
    // No other code handles the Promise. Without this, its rejection would end the program.
    returned.then(undefined, () => {})
    return Effect.die(
      new TypeError(
        `The handler of ${context.method} returned a Promise: it must return an Effect. `
          + "Remove `async`, and wrap the asynchronous part in Effect.promise or Effect.tryPromise"
      )
    )
  })

/**
 * Provides handlers with services from the context of the code that registered them. The context's span and log
 * annotations are left out: those of the request apply.
 */
export const provideContext = <R>(
  handlers: ServerRequestHandlers<R>,
  context: Context.Context<R>
): ServerRequestHandlers => {
  // A request brings the services that are left out here.
  const services = Context.omit(
    Tracer.ParentSpan,
    References.CurrentLogAnnotations,
    References.CurrentLogSpans
  )(context) as Context.Context<R>
  return Object.fromEntries(
    Object.entries(handlers as { readonly [method: string]: AnyHandler<R> | undefined }).flatMap(([method, handler]) =>
      handler === undefined ? [] : [[
        method,
        (params: unknown, request: RequestContext) => Effect.provideContext(invoke(handler, params, request), services)
      ]]
    )
  )
}
