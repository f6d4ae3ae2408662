/**
 * An inbox of server requests, for a person in the loop: handlers that queue requests, and the requests as a Stream.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Broadcast } from "../../base/Broadcast.ts"
import { declineAll } from "./ApprovalHandlers.ts"
import {
  type Handler,
  type Method,
  type Params,
  type RequestContext,
  type Response,
  ServerRequestError
} from "./ServerRequests.ts"

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
  /** The origin of the request: its id, thread and turn. */
  readonly context: RequestContext
  /**
   * Answers the request. Returns `false`, and does nothing, when no answer is needed any more: someone else has answered,
   * the server has withdrawn the request, or its turn or connection has ended.
   */
  readonly respond: (response: Response<M>) => Effect.Effect<boolean>
  /** Refuses to answer, with a message for the server. Returns `false` when no answer is needed any more. */
  readonly fail: (message: string) => Effect.Effect<boolean>
  /** Waits until no answer is needed any more, for whatever reason. Use it to close a dialog. */
  readonly closed: Effect.Effect<void>
}

/**
 * Handlers to register with the client or a thread, and the requests that those handlers received.
 *
 * @category models
 */
export interface Inbox<M extends Method = Method> {
  /** Handlers that put each request into the inbox and wait for its answer there. */
  readonly handlers: { readonly [K in M]: Handler<K> }
  /**
   * Emits the requests that are waiting, then each new one. Every consumer sees all of them at its own pace, except those
   * already closed when the consumer reaches them. Ends when the scope of the inbox closes.
   */
  readonly requests: Stream.Stream<Pending<M>>
  /** Returns the requests that are waiting now, oldest first. */
  readonly pending: Effect.Effect<ReadonlyArray<Pending<M>>>
}

/** The methods that a person can answer. The others request a tool's output, a token or the time, which only a program can provide. */
const interactive = [
  "item/commandExecution/requestApproval",
  "item/fileChange/requestApproval",
  "item/permissions/requestApproval",
  "item/tool/requestUserInput",
  "mcpServer/elicitation/request",
  "applyPatchApproval",
  "execCommandApproval"
] as const

/** The methods that a person can answer: the default of {@link inbox}. */
export type InteractiveMethod = (typeof interactive)[number]

/**
 * Creates an inbox: requests arrive as a Stream, each with `respond` and `fail`. An answer may take as long as it needs;
 * other turns continue meanwhile.
 *
 * The inbox takes the given methods; by default all approvals, questions to the user and elicitations. When its scope
 * closes, open requests and later ones are declined as `declineAll` does.
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
 *   const inbox = yield* ServerRequests.inbox(["item/commandExecution/requestApproval"])
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
export const inbox = <const M extends Method = InteractiveMethod>(
  // Without methods, M is its default.
  methods: ReadonlyArray<M> = interactive as ReadonlyArray<Method> as ReadonlyArray<M>
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
  /** Declines each waiting request. */
  private readonly declines = new Map<Pending<M>, () => void>()
  private readonly arrivals = new Broadcast<Pending<M>, never>()

  readonly waiting = (): ReadonlyArray<Pending<M>> => Array.from(this.declines.keys())

  readonly stream: Stream.Stream<Pending<M>> = Stream.suspend(() => {
    const cursor = this.arrivals.cursor()
    return Stream.concat(Stream.fromIterable(this.waiting()), cursor.stream).pipe(
      Stream.filter((request) => this.declines.has(request)),
      // A consumer may stop before it has received all waiting requests.
      Stream.ensuring(Effect.sync(() => cursor.close()))
    )
  })

  /** Puts a request into the inbox, and removes it when it is answered or the handler is interrupted. */
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

  /** Declines the waiting requests and all later ones. */
  end(): void {
    this.arrivals.end(Exit.void)
    for (const decline of this.declines.values()) decline()
  }
}
