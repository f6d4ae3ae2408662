/**
 * What the server asks of its client, and how it is answered: approvals, tools, user input, elicitation, ...
 *
 * A vocabulary: a record with a handler for each method. The client runs each handler in a fiber of its own, so a handler
 * may take as long as it likes, and interrupts it when no answer is needed any more: the server said so, the turn ended,
 * or the connection did.
 *
 * Handlers are given to the client (`Codex.layer({ serverRequests })`) or to a thread (`threadStart({ serverRequests })`);
 * what those of a thread leave out, those of the client answer, and what these leave out, {@link declineAll}.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Codex, ServerRequests } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const codex = yield* Codex.Codex
 *   return yield* codex.threadStart({
 *     approvalPolicy: "on-request",
 *     serverRequests: ServerRequests.make({
 *       "item/commandExecution/requestApproval": ({ command }) =>
 *         Effect.succeed({ decision: command?.includes("git status") ? "accept" : "decline" })
 *     })
 *   })
 * })
 * ```
 */
import type * as Methods from "@effect-codex/protocol/Methods"
import * as Protocol from "@effect-codex/protocol/Protocol"
import * as Clock from "effect/Clock"
import * as EffectContext from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { dual } from "effect/Function"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { Broadcast } from "../base/Broadcast.ts"

/** A method with which the server asks. */
export type Method = keyof Methods.ServerRequests

/** The parameters of a method. */
export type Params<M extends Method> = Methods.ServerRequests[M]["params"]

/** The answer to a method. */
export type Response<M extends Method> = Methods.ServerRequests[M]["response"]

/**
 * A refusal to answer, sent to the server as a JSON-RPC error.
 *
 * @category errors
 */
export class ServerRequestError extends Schema.TaggedError<ServerRequestError>("effect-codex/ServerRequestError")(
  "ServerRequestError",
  {
    /** Shown to the server, and often to the model. */
    message: Schema.String,
    /** The JSON-RPC code. Default: -32603, an internal error. */
    code: Schema.optionalKey(Schema.Number),
    data: Schema.optionalKey(Schema.Unknown)
  }
) {}

/**
 * What a handler knows beside the parameters.
 *
 * @category models
 */
export interface Context {
  readonly method: Method
  /** The JSON-RPC id of the request, unique for as long as it is open. */
  readonly requestId: string | number
  /** The thread that asks; undefined for what concerns no thread. */
  readonly threadId: string | undefined
  /** The turn that asks; undefined for what concerns no turn. */
  readonly turnId: string | undefined
}

/**
 * Answers one method.
 *
 * @category models
 */
export type Handler<M extends Method, R = never> = (
  params: Params<M>,
  context: Context
) => Effect.Effect<Response<M>, ServerRequestError, R>

/**
 * Handlers by method. A method that is left out is answered as {@link declineAll} does.
 *
 * @category models
 */
export type ServerRequestHandlers<R = never> = { readonly [M in Method]?: Handler<M, R> }

/** A handler whose method is not known to the types. */
export type AnyHandler<R = never> = (
  params: unknown,
  context: Context
) => Effect.Effect<unknown, ServerRequestError, R>

/** A handler for every method. */
export type Complete<R = never> = { readonly [M in Method]: Handler<M, R> }

const answer = <A>(response: A) => () => Effect.succeed(response)

const refuse = (message: string) => () => Effect.fail(new ServerRequestError({ message }))

const denied = { denied: { rejection: "Declined by the client." } }

/**
 * The default: nothing is allowed, nobody is asked, and the server is told so at once. Never silence, never a silent yes.
 *
 * @category handlers
 */
export const declineAll: Complete = {
  "item/commandExecution/requestApproval": answer({ decision: "decline" }),
  "item/fileChange/requestApproval": answer({ decision: "decline" }),
  "item/permissions/requestApproval": answer({ permissions: {}, scope: "turn" }),
  "item/tool/requestUserInput": answer({ answers: {} }),
  "mcpServer/elicitation/request": answer({ action: "decline", content: null, _meta: null }),
  "item/tool/call": (params) =>
    Effect.succeed({
      success: false,
      contentItems: [{ type: "inputText", text: `No handler is registered for the tool ${params.tool}.` }]
    }),
  "account/chatgptAuthTokens/refresh": refuse("This client does not manage ChatGPT tokens."),
  "attestation/generate": refuse("This client does not generate attestations."),
  "currentTime/read": () =>
    Effect.map(Clock.currentTimeMillis, (millis) => ({ currentTimeAt: Math.floor(millis / 1000) })),
  applyPatchApproval: answer({ decision: denied }),
  execCommandApproval: answer({ decision: denied })
}

const isEntry = Schema.is(Protocol.FileSystemSandboxEntryInput)

/** The permissions that were asked for. An entry that this version does not understand is not granted. */
const asAsked = ({ fileSystem, network }: Protocol.RequestPermissionProfile): Protocol.GrantedPermissionProfile => ({
  ...(network === undefined ? {} : { network }),
  ...(fileSystem === undefined || fileSystem === null
    ? {}
    : { fileSystem: { ...fileSystem, entries: fileSystem.entries?.filter(isEntry) } })
})

/** Says yes to every approval. What can't be invented (an answer, the content of a form, a tool's output) stays declined. */
const accepting = (
  decision: "accept" | "acceptForSession",
  legacyDecision: "approved" | "approved_for_session",
  scope: Protocol.PermissionGrantScope
): Complete => ({
  ...declineAll,
  "item/commandExecution/requestApproval": answer({ decision }),
  "item/fileChange/requestApproval": answer({ decision }),
  "item/permissions/requestApproval": ({ permissions }) => Effect.succeed({ permissions: asAsked(permissions), scope }),
  applyPatchApproval: answer({ decision: legacyDecision }),
  execCommandApproval: answer({ decision: legacyDecision })
})

/**
 * Says yes to every approval, once: commands run, files change, and permissions are granted as asked for, for this turn.
 *
 * What can't be invented stays as with {@link declineAll}: questions to the user get no answers, forms are declined, a
 * tool without a handler fails.
 *
 * @category handlers
 */
export const acceptAll: Complete = accepting("accept", "approved", "turn")

/**
 * As {@link acceptAll}, and for the rest of the session: the same command, or a change of the same file, is not asked for
 * again, and permissions are granted for the session.
 *
 * @category handlers
 */
export const acceptForSession: Complete = accepting("acceptForSession", "approved_for_session", "session")

/** What handlers require, all together. */
type Requirements<H> = {
  readonly [M in keyof H]: H[M] extends (...args: never) => Effect.Effect<unknown, unknown, infer R> ? R : never
}[keyof H]

/**
 * Handlers by method, with their types inferred: parameters and answers from the method, and what the handlers require,
 * all together. A method that does not exist is a type error.
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
 * Fills the methods that are left out, from other handlers.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { ServerRequests } from "effect-codex"
 *
 * // Commands need a yes from us; everything else is accepted.
 * const handlers = ServerRequests.orElse({
 *   "item/commandExecution/requestApproval": () => Effect.succeed({ decision: "decline" })
 * }, ServerRequests.acceptAll)
 * ```
 *
 * @category combinators
 */
export const orElse: {
  <R2>(rest: Complete<R2>): <R>(handlers: ServerRequestHandlers<R>) => Complete<R | R2>
  <R2>(rest: ServerRequestHandlers<R2>): <R>(handlers: ServerRequestHandlers<R>) => ServerRequestHandlers<R | R2>
  <R, R2>(handlers: ServerRequestHandlers<R>, rest: Complete<R2>): Complete<R | R2>
  <R, R2>(handlers: ServerRequestHandlers<R>, rest: ServerRequestHandlers<R2>): ServerRequestHandlers<R | R2>
} = dual(
  2,
  <R, R2>(handlers: ServerRequestHandlers<R>, rest: ServerRequestHandlers<R2>): ServerRequestHandlers<R | R2> => ({
    ...definedOnly<R | R2>(rest),
    ...definedOnly<R | R2>(handlers)
  })
)

/**
 * Gives handlers the services that they require, from the context of who gave the handlers. Its span and the annotations of
 * its logs are left out: those of the request hold.
 */
export const provideContext = <R>(
  handlers: ServerRequestHandlers<R>,
  context: EffectContext.Context<R>
): ServerRequestHandlers => {
  // What is left out is there when a handler runs, by way of the request.
  const services = EffectContext.omit(
    Tracer.ParentSpan,
    References.CurrentLogAnnotations,
    References.CurrentLogSpans
  )(context) as EffectContext.Context<R>
  return Object.fromEntries(
    Object.entries(handlers as { readonly [method: string]: AnyHandler<R> | undefined }).flatMap(([method, handler]) =>
      handler === undefined ? [] : [[
        method,
        (params: unknown, request: Context) => Effect.provideContext(handler(params, request), services)
      ]]
    )
  )
}

// ---------------------------------------------------------------------------------------------------------------------
// A person in the loop
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A request that waits for its answer, discriminated on `method`.
 *
 * @category models
 */
export type Pending<M extends Method = Method> = { readonly [K in M]: PendingOf<K> }[M]

/**
 * A request of one method that waits for its answer.
 *
 * @category models
 */
export interface PendingOf<M extends Method> {
  readonly method: M
  readonly params: Params<M>
  /** Who asks: the thread, the turn, the id of the request. */
  readonly context: Context
  /**
   * Answers. Gives `false`, and does nothing, when no answer is needed any more: somebody else has answered, the server
   * has withdrawn the request, or its turn or connection has ended.
   */
  readonly respond: (response: Response<M>) => Effect.Effect<boolean>
  /** Refuses to answer, with a message for the server. Gives `false` when no answer is needed any more. */
  readonly fail: (message: string) => Effect.Effect<boolean>
  /** Ends when no answer is needed any more, for whatever reason: to close a dialog. */
  readonly closed: Effect.Effect<void>
}

/**
 * Requests on their way to a person: handlers for the client or a thread, and the requests that they have taken.
 *
 * @category models
 */
export interface Inbox<M extends Method = Method> {
  /** Handlers that put each request into the inbox, and wait there for its answer. */
  readonly handlers: { readonly [K in M]: Handler<K> }
  /**
   * The requests that wait for an answer: those there are, then each new one. Every consumer sees all of them, at its own
   * pace, except those that are closed by the time it gets there. Ends with the scope of the inbox.
   */
  readonly requests: Stream.Stream<Pending<M>>
  /** The requests that wait for an answer now, oldest first. */
  readonly pending: Effect.Effect<ReadonlyArray<Pending<M>>>
}

/** What a person can answer. The other methods ask a program: for a tool's output, a token, the time. */
const personal = [
  "item/commandExecution/requestApproval",
  "item/fileChange/requestApproval",
  "item/permissions/requestApproval",
  "item/tool/requestUserInput",
  "mcpServer/elicitation/request",
  "applyPatchApproval",
  "execCommandApproval"
] as const

/** The methods that {@link stream} takes if it is not told which. */
export type Personal = (typeof personal)[number]

/**
 * An inbox, for a person in the loop: requests as a Stream, each with `respond` and `fail`. A person may take as long as
 * it takes; other turns go on meanwhile.
 *
 * Takes the methods given: by default all approvals, questions to the user and elicitations. When the scope closes, what
 * nobody has answered is declined as {@link declineAll} does, and so is what comes later.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import { Codex, ServerRequests } from "effect-codex"
 *
 * declare const ask: (question: string) => Effect.Effect<boolean>
 *
 * const program = Effect.gen(function*() {
 *   const codex = yield* Codex.Codex
 *   const inbox = yield* ServerRequests.stream(["item/commandExecution/requestApproval"])
 *   yield* inbox.requests.pipe(
 *     Stream.runForEach(({ params, respond }) =>
 *       Effect.flatMap(ask(`Run ${params.command}?`), (yes) => respond({ decision: yes ? "accept" : "decline" }))
 *     ),
 *     Effect.forkScoped
 *   )
 *   const thread = yield* codex.threadStart({ approvalPolicy: "on-request", serverRequests: inbox.handlers })
 *   return yield* thread.run("Tidy up.")
 * }).pipe(Effect.scoped)
 * ```
 *
 * @category constructors
 */
export const stream = <const M extends Method = Personal>(
  // Without methods, M is its default.
  methods: ReadonlyArray<M> = personal as ReadonlyArray<Method> as ReadonlyArray<M>
): Effect.Effect<Inbox<M>, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(Effect.sync(() => new Requests<M>()), (requests) => Effect.sync(() => requests.end())),
    (requests) => ({
      handlers: handlersOf(methods, requests.handler),
      requests: requests.stream,
      pending: Effect.sync(requests.waiting)
    })
  )

/** A handler for each of the methods. */
const handlersOf = <M extends Method>(
  methods: ReadonlyArray<M>,
  handler: <K extends M>(method: K) => Handler<K>
): Inbox<M>["handlers"] => {
  const handlers: { [K in M]?: Handler<K> } = {}
  for (const method of methods) handlers[method] = handler(method)
  return handlers as Inbox<M>["handlers"]
}

/** The requests of one inbox. */
class Requests<M extends Method> {
  /** How to decline each request that waits. */
  private readonly declines = new Map<Pending<M>, () => void>()
  private readonly arrivals = new Broadcast<Pending<M>, never>()

  readonly waiting = (): ReadonlyArray<Pending<M>> => Array.from(this.declines.keys())

  readonly stream: Stream.Stream<Pending<M>> = Stream.suspend(() => {
    const cursor = this.arrivals.cursor()
    return Stream.concat(Stream.fromIterable(this.waiting()), cursor.stream).pipe(
      Stream.filter((request) => this.declines.has(request)),
      // Also who leaves before having seen those that wait.
      Stream.ensuring(Effect.sync(() => cursor.close()))
    )
  })

  /** Puts a request into the inbox, and takes it out again when it is answered, or the handler is interrupted. */
  readonly handler = <K extends M>(method: K): Handler<K> => (params, context) =>
    Effect.suspend(() => {
      const decline = declineAll[method](params, context)
      if (this.arrivals.exit !== null) return decline
      const answer = Deferred.makeUnsafe<Effect.Effect<Response<K>, ServerRequestError>>()
      const closed = Deferred.makeUnsafe<void>()
      const close = () => {
        const open = this.declines.delete(request)
        Deferred.doneUnsafe(closed, Exit.void)
        return open
      }
      const settle = (response: Effect.Effect<Response<K>, ServerRequestError>) => {
        const open = close()
        if (open) Deferred.doneUnsafe(answer, Exit.succeed(response))
        return open
      }
      // One member of the union, for a method that TypeScript does not know.
      const request = {
        method,
        params,
        context,
        respond: (response: Response<K>) => Effect.sync(() => settle(Effect.succeed(response))),
        fail: (message: string) => Effect.sync(() => settle(Effect.fail(new ServerRequestError({ message })))),
        closed: Deferred.await(closed)
      } satisfies PendingOf<K> as unknown as Pending<M>
      this.declines.set(request, () => settle(decline))
      this.arrivals.push(request)
      return Effect.flatten(Deferred.await(answer)).pipe(Effect.ensuring(Effect.sync(close)))
    })

  /** Declines what waits, and what comes from now on. */
  end(): void {
    this.arrivals.end(Exit.void)
    for (const decline of this.declines.values()) decline()
  }
}
