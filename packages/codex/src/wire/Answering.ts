/**
 * The responses to the server's requests. Each request runs in its own fiber, never in the reader, and always gets a response.
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
import * as JsonRpc from "../base/JsonRpc.ts"
import { printable } from "../base/printable.ts"
import * as ServerRequests from "../model/requests/ServerRequests.ts"
import type { Answerer, Question } from "./Handlers.ts"
import type { Incoming, Server } from "./Server.ts"
import * as Telemetry from "./Telemetry.ts"

const { ErrorCode } = JsonRpc

/** A request of the server that has no answer yet. */
interface Running {
  /** Distinguishes a repeated request from another one with the same id. */
  readonly identity: string
  /** The answer, once it is known. Kept as long as the server may repeat the request. */
  line: string | undefined
  fiber: Fiber.Fiber<void> | undefined
  /** Runs when the request is forgotten. */
  readonly ended: () => void
  readonly key: string
  /** The key of the turn that it belongs to, if it belongs to one. */
  readonly turnKey: string | undefined
}

/** The line to send, and the error that it reports. */
interface Answer {
  readonly line: string
  readonly error?: JsonRpc.RpcError
}

/** The answer to one request; undefined if it is another client's to answer. */
const answer = (
  request: Incoming,
  { find, maxBytes }: {
    readonly find: (question: Question) => Effect.Effect<Answerer | undefined>
    readonly maxBytes: () => number | undefined
  }
): Effect.Effect<Answer | undefined> => {
  const entry = Methods.serverRequests.get(request.method)
  if (entry === undefined) {
    return Effect.succeed(
      failure(request, ErrorCode.methodNotFound, `This client does not know the method ${request.method}`)
    )
  }
  const params = Methods.decode<unknown>(entry, request.params)
  if (Result.isFailure(params)) {
    const issue = describe(params.failure)
    return Effect.as(
      Effect.logWarning(printable(`Refused ${request.method}: its parameters do not match the protocol: ${issue}`)),
      failure(request, ErrorCode.invalidParams, `Invalid params: ${issue}`)
    )
  }
  const method = request.method as ServerRequests.Method
  const itemId = Predicate.isObject(request.params) ? request.params["itemId"] : undefined
  return Effect.flatMap(
    find({
      id: request.id,
      method,
      threadId: request.threadId,
      turnId: request.turnId,
      itemId: typeof itemId === "string" ? itemId : undefined
    }),
    (answerer) => answerer === undefined ? Effect.succeed(undefined) : run(request, params.success, answerer, maxBytes)
  )
}

/** Runs a handler. It always ends with a response. */
const run = (
  request: Incoming,
  params: unknown,
  { context, handler }: Answerer,
  maxBytes: () => number | undefined
): Effect.Effect<Answer> =>
  ServerRequests.invoke(handler, params, context).pipe(
    Effect.flatMap((response) => answered(request, response, maxBytes())),
    Effect.catchCause((cause) => {
      const error = Option.getOrUndefined(Cause.findErrorOption<unknown>(cause))
      if (Predicate.isTagged(error, "ServerRequestError")) {
        const { code, data, message } = error as ServerRequests.ServerRequestError
        return Effect.succeed(failure(request, code ?? ErrorCode.internalError, message, data))
      }
      return Effect.as(
        Effect.logError(
          `The handler of ${request.method} ${
            error === undefined ? "died" : "failed with something other than a ServerRequestError"
          }.`,
          cause
        ),
        failure(request, ErrorCode.internalError, "The client's handler failed")
      )
    })
  )

const annotations = (request: Incoming): Record<string, unknown> => ({
  ...(request.threadId === undefined ? {} : { "codex.thread.id": printable(request.threadId) }),
  ...(request.turnId === undefined ? {} : { "codex.turn.id": printable(request.turnId) })
})

/** Encodes the response of a handler. A response that cannot be encoded is reported as an internal error. */
const answered = (
  request: Incoming,
  response: unknown,
  maxBytes: number | undefined
): Effect.Effect<Answer> => {
  const line = JsonRpc.encodeAnswer(request.key, response ?? {}, maxBytes)
  if (Result.isSuccess(line)) return Effect.succeed({ line: line.success })
  return Effect.as(
    Effect.logError(`The handler of ${request.method} gave an answer that can't be sent: ${line.failure}`),
    failure(request, ErrorCode.internalError, "The client's answer can't be sent as JSON")
  )
}

const failure = ({ key }: Incoming, code: number, message: string, data?: unknown): Answer => {
  const error = { code, message, data }
  return { line: JsonRpc.encodeRefusal(key, error), error }
}

/**
 * A server for the router: runs the handler that is responsible for each request, and sends its answer.
 * Everything is interrupted when the scope closes.
 */
export const make = Effect.fnUntraced(function*(options: {
  /** Finds the handler of a request; undefined if it is another client's to answer. */
  readonly find: (question: Question) => Effect.Effect<Answerer | undefined>
  /** The longest answer that the connection takes, in bytes. */
  readonly maxBytes: () => number | undefined
  /** Counts a request of a thread. Returns a function for its end. */
  readonly asks: (threadId: string) => () => void
  /** The span of the turn that runs on a thread. */
  readonly spanOf: (threadId: string | undefined) => Tracer.Span | undefined
  readonly send: (message: string) => Effect.Effect<void>
  readonly fork: (effect: Effect.Effect<void>) => Fiber.Fiber<void>
  /** Returns true if the server repeats requests on the next connection. */
  readonly repeats: () => boolean
}): Effect.fn.Return<Server, never, Scope.Scope> {
  const running = new Map<string, Running>()
  /** The same, by thread and turn: many turns may end while many requests are open. */
  const byTurn = new Map<string, Set<Running>>()
  /** Includes interrupted ones, until they have ended. */
  const fibers = new Set<Fiber.Fiber<void>>()

  /** The requests that were answered and are kept, oldest first. */
  const answered = new Set<Running>()

  const add = (request: Incoming): Running => {
    const { key, threadId, turnId } = request
    const entry: Running = {
      identity: identityOf(request),
      line: undefined,
      fiber: undefined,
      ended: threadId === undefined ? () => {} : options.asks(threadId),
      key,
      turnKey: turnId === undefined ? undefined : keyOf(threadId, turnId)
    }
    running.set(key, entry)
    if (entry.turnKey !== undefined) {
      const ofTurn = byTurn.get(entry.turnKey) ?? new Set()
      byTurn.set(entry.turnKey, ofTurn.add(entry))
    }
    return entry
  }

  /** Forgets a request; false if it was forgotten before. */
  const remove = (entry: Running): boolean => {
    if (running.get(entry.key) !== entry) return false
    running.delete(entry.key)
    answered.delete(entry)
    if (entry.line === undefined) entry.ended()
    if (entry.turnKey !== undefined) {
      const ofTurn = byTurn.get(entry.turnKey)
      ofTurn?.delete(entry)
      if (ofTurn?.size === 0) byTurn.delete(entry.turnKey)
    }
    return true
  }

  /** Sends the answer to a request, unless it was forgotten. Keeps it if the server may repeat the request on another connection. */
  const answerTo = (entry: Running, { line }: Answer): Effect.Effect<void> => {
    if (!options.repeats()) return remove(entry) ? options.send(line) : Effect.void
    if (running.get(entry.key) !== entry) return Effect.void
    entry.ended()
    entry.line = line
    answered.add(entry)
    for (const oldest of answered) {
      if (answered.size <= maxAnswered) break
      remove(oldest)
    }
    return options.send(line)
  }

  const interrupt = (entry: Running) => {
    // Forgotten first: a cancelled request is not answered.
    remove(entry)
    entry.fiber?.interruptUnsafe()
  }
  const interruptAll = () => {
    for (const entry of running.values()) interrupt(entry)
  }
  yield* Effect.addFinalizer(() =>
    Effect.withFiber((closing) => {
      interruptAll()
      // A handler may close the scope itself, and would await its own end.
      return Fiber.awaitAll(Array.from(fibers).filter((fiber) => fiber !== closing))
    })
  )

  const resolved = (key: string) => {
    const entry = running.get(key)
    if (entry !== undefined) interrupt(entry)
  }

  return {
    lost: interruptAll,
    request: (request) => {
      const before = running.get(request.key)
      if (before !== undefined && options.repeats() && before.identity === identityOf(request)) {
        // The server repeats the request whenever the thread is resumed; the handler has run, or is running.
        if (before.line !== undefined) options.fork(options.send(before.line))
        return
      }
      resolved(request.key)
      const entry = add(request)
      const fiber = options.fork(
        Effect.suspend(() => answer(request, options)).pipe(
          // A defect outside the handler, such as in a logger of the program, must not prevent the answer.
          Effect.catchDefect(() =>
            Effect.succeed(failure(request, ErrorCode.internalError, "The client could not answer"))
          ),
          Telemetry.serverRequest(request, options.spanOf(request.threadId)),
          Effect.flatMap((answer) =>
            answer === undefined ? Effect.sync(() => void remove(entry)) : answerTo(entry, answer)
          ),
          Effect.annotateLogs(annotations(request))
        )
      )
      entry.fiber = fiber
      fibers.add(fiber)
      fiber.addObserver(() => fibers.delete(fiber))
      // The handler may have cancelled the request synchronously.
      if (running.get(request.key) !== entry) fiber.interruptUnsafe()
    },
    resolved,
    turnEnded: (threadId, turnId) => {
      if (byTurn.size === 0) return
      for (const entry of byTurn.get(keyOf(threadId, turnId)) ?? []) interrupt(entry)
    }
  }
})

/** The number of answers that are kept. The server usually confirms an answer at once. */
const maxAnswered = 256

const identityOf = ({ method, params, threadId, turnId }: Incoming): string => {
  const { approvalId, callId, itemId }: { readonly [name: string]: unknown } = Object(params)
  return JSON.stringify([method, threadId, turnId, itemId, callId, approvalId])
}

const keyOf = (threadId: string | undefined, turnId: string): string => JSON.stringify([threadId, turnId])
