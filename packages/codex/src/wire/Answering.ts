/**
 * Answers the server's requests: each in a fiber of its own, never on the reader, and always.
 */
import * as Methods from "@effect-codex/protocol/Methods"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import { describe } from "../base/issue.ts"
import { printable } from "../base/printable.ts"
import * as ServerRequests from "../model/ServerRequests.ts"
import type * as Router from "./Router.ts"
import * as Telemetry from "./Telemetry.ts"

/** An error as JSON-RPC has it. */
interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

interface Running {
  fiber: Fiber.Fiber<void> | undefined
  readonly turnId: string | undefined
}

const internalError = -32603
const invalidParams = -32602
const methodNotFound = -32601

/** The line to send, and the error that it tells of. */
interface Answer {
  readonly line: string
  readonly error?: RpcError
}

/** What one handler comes to. */
const answer = (
  request: Router.Incoming,
  handlers: ServerRequests.AllHandlers
): Effect.Effect<Answer> => {
  const entry = Methods.serverRequests.get(request.method)
  if (entry === undefined) {
    return Effect.succeed(failure(request, methodNotFound, `This client does not know the method ${request.method}`))
  }
  const params = Methods.decode<unknown>(entry, request.params)
  if (Result.isFailure(params)) {
    const issue = describe(params.failure)
    return Effect.as(
      Effect.logWarning(printable(`Refused ${request.method}: its parameters do not match the protocol: ${issue}`)),
      failure(request, invalidParams, `Invalid params: ${issue}`)
    )
  }
  const method = request.method as ServerRequests.Method
  // The parameters were decoded for this method, which TypeScript can't see.
  const handler = handlers[method] as ServerRequests.AnyHandler
  const context: ServerRequests.RequestContext = {
    method,
    requestId: request.id,
    threadId: request.threadId,
    turnId: request.turnId
  }
  return ServerRequests.invoke(handler, params.success, context).pipe(
    Effect.map((response): Answer => ({ line: JSON.stringify({ id: request.id, result: response ?? {} }) })),
    Effect.catchCause((cause) => {
      const error = Option.getOrUndefined(Cause.findErrorOption<unknown>(cause))
      if (Predicate.isTagged(error, "ServerRequestError")) {
        const { code, data, message } = error as ServerRequests.ServerRequestError
        return Effect.succeed(failure(request, code ?? internalError, message, data))
      }
      return Effect.as(
        Effect.logError(
          `The handler of ${request.method} ${
            error === undefined ? "died" : "failed with something other than a ServerRequestError"
          }.`,
          cause
        ),
        failure(request, internalError, "The client's handler failed")
      )
    })
  )
}

const annotations = (request: Router.Incoming): Record<string, unknown> => ({
  ...(request.threadId === undefined ? {} : { "codex.thread.id": request.threadId }),
  ...(request.turnId === undefined ? {} : { "codex.turn.id": request.turnId })
})

const failure = ({ id }: Router.Incoming, code: number, message: string, data?: unknown): Answer => {
  const error = { code, message, ...(data === undefined ? {} : { data }) }
  try {
    return { line: JSON.stringify({ id, error }), error }
  } catch {
    return { line: JSON.stringify({ id, error: { code, message } }), error }
  }
}

/**
 * A server for the router: runs the handlers of the thread that asks, or the client's, and sends what they answer.
 * Everything is interrupted when the scope closes.
 */
export const make = Effect.fnUntraced(function*(options: {
  readonly handlersOf: (threadId: string | undefined) => ServerRequests.AllHandlers
  /** The thread asks nothing any more. */
  readonly threadClosed: (threadId: string) => void
  /** The span of the turn that runs on a thread. */
  readonly spanOf: (threadId: string | undefined) => Tracer.Span | undefined
  readonly send: (message: string) => Effect.Effect<void>
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
}): Effect.fn.Return<Router.Server, never, Scope.Scope> {
  const running = new Map<string | number, Running>()
  /** Also those that were interrupted, until they have ended. */
  const fibers = new Set<Fiber.Fiber<void>>()

  const interrupt = (id: string | number, entry: Running) => {
    // Forgotten first: who was cancelled gives no answer.
    running.delete(id)
    entry.fiber?.interruptUnsafe()
  }
  const interruptAll = () => {
    for (const [id, entry] of running) interrupt(id, entry)
  }
  yield* Effect.addFinalizer(() =>
    Effect.withFiber((closing) => {
      interruptAll()
      // A handler may close the scope itself, and would await its own end.
      return Fiber.awaitAll(Array.from(fibers).filter((fiber) => fiber !== closing))
    })
  )

  const resolved = (id: string | number) => {
    const entry = running.get(id)
    if (entry !== undefined) interrupt(id, entry)
  }

  return {
    lost: interruptAll,
    request: (request) => {
      resolved(request.id)
      const entry: Running = { fiber: undefined, turnId: request.turnId }
      running.set(request.id, entry)
      const fiber = options.fork(
        answer(request, options.handlersOf(request.threadId)).pipe(
          Telemetry.serverRequest(request, options.spanOf(request.threadId)),
          Effect.flatMap(({ line }) => {
            if (running.get(request.id) !== entry) return Effect.void
            running.delete(request.id)
            return options.send(line)
          }),
          Effect.annotateLogs(annotations(request))
        )
      )
      entry.fiber = fiber
      fibers.add(fiber)
      fiber.addObserver(() => fibers.delete(fiber))
      // What a handler does at once may have cancelled it.
      if (running.get(request.id) !== entry) fiber.interruptUnsafe()
    },
    resolved,
    threadClosed: options.threadClosed,
    turnEnded: (turnId) => {
      for (const [id, entry] of running) if (entry.turnId === turnId) interrupt(id, entry)
    }
  }
})
