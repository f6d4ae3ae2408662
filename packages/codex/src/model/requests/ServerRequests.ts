/**
 * The vocabulary of server requests: methods, handlers, and functions that create and combine handlers.
 */
import type * as Methods from "@effect-codex/protocol/Methods"
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Predicate from "effect/Predicate"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import * as Tracer from "effect/Tracer"
import type { RealPath } from "../../base/paths.ts"

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
  /**
   * The changes for which `item/fileChange/requestApproval` asks, from the item that it names. Absent for other methods, and if the
   * item did not arrive on this connection.
   */
  readonly changes?: ReadonlyArray<Protocol.FileUpdateChange> | undefined
  /** Follows the links of a path on the server's machine. Absent if the client can't see its files, as over a socket. */
  readonly realPath?: RealPath | undefined
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

const answers: unique symbol = Symbol("effect-codex/ServerRequests/answers")

/** Answers some requests; returns undefined for those that it leaves to the next handler. */
type Answers<R> = (params: unknown, context: RequestContext) => Effect.Effect<unknown, ServerRequestError, R>

/** A handler that leaves some requests to the next one. */
interface PartialHandler<R> extends AnyHandler<R> {
  readonly [answers]: Answers<R>
}

/** Returns true for a handler that leaves some requests to the next one. */
export const isPartial = <R>(handler: AnyHandler<R>): handler is PartialHandler<R> => answers in handler

/** A handler that answers some requests, and leaves the others to the next one. `last` answers if there is no other. */
export const partial = <M extends Method, R, R2>(
  some: (params: Params<M>, context: RequestContext) => Effect.Effect<Response<M> | undefined, ServerRequestError, R>,
  last: Handler<M, R2>
): Handler<M, R | R2> =>
  // A handler of one method is called with the parameters of this method only.
  before(some as Answers<R>, last as AnyHandler<R2>) as Handler<M, R | R2>

const before = <R, R2>(some: Answers<R>, next: AnyHandler<R2>, more?: Answers<R2>): PartialHandler<R | R2> => {
  const or = (next: Answers<R2>) => (params: unknown, context: RequestContext) =>
    Effect.flatMap(
      some(params, context),
      (answer): Effect.Effect<unknown, ServerRequestError, R2> =>
        answer === undefined ? next(params, context) : Effect.succeed(answer)
    )
  const all: AnyHandler<R | R2> = or((params, context) => invoke(next, params, context))
  return Object.assign(all, { [answers]: more === undefined ? some : or(more) })
}

/** Passes the requests that a handler leaves on to the next handler. */
export const withNext = <R, R2>(handler: AnyHandler<R>, next: AnyHandler<R2>): AnyHandler<R | R2> => {
  if (!isPartial(handler)) return handler
  if (isPartial(next)) return before(handler[answers], next, next[answers])
  const some = handler[answers]
  return (params, context) =>
    Effect.flatMap(
      some(params, context),
      (answer): Effect.Effect<unknown, ServerRequestError, R2> =>
        answer === undefined ? invoke(next, params, context) : Effect.succeed(answer)
    )
}

const definedOnly = <R>(handlers: ServerRequestHandlers<R>): ServerRequestHandlers<R> =>
  Object.fromEntries(Object.entries(handlers).filter(([, handler]) => handler !== undefined))

/**
 * Fills in the methods without a handler from other handlers. Requests that {@link rules} leave go to them too.
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
  <R, R2>(handlers: ServerRequestHandlers<R>, rest: ServerRequestHandlers<R2>): ServerRequestHandlers<R | R2> => {
    const combined: { [method: string]: unknown } = { ...definedOnly<R | R2>(rest) }
    for (const [method, handler] of Object.entries(definedOnly<R | R2>(handlers))) {
      // Both are handlers of the same method, which TypeScript can't follow.
      const first = handler as AnyHandler<R>
      const next = combined[method] as AnyHandler<R2> | undefined
      combined[method] = next === undefined ? first : withNext(first, next)
    }
    return combined as ServerRequestHandlers<R | R2>
  }
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
    Object.entries(handlers as { readonly [method: string]: AnyHandler<R> | undefined }).flatMap(
      ([method, handler]) => {
        if (handler === undefined) return []
        const provided: AnyHandler = (params, request) =>
          Effect.provideContext(invoke(handler, params, request), services)
        return [[
          method,
          isPartial(handler)
            ? Object.assign(provided, {
              [answers]: (params: unknown, request: RequestContext) =>
                Effect.provideContext(handler[answers](params, request), services)
            })
            : provided
        ]]
      }
    )
  )
}
