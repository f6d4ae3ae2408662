/**
 * Spans and metrics of a client, with the names of OpenTelemetry.
 *
 * Nothing is measured per message: a request is counted when it ends, a turn when it starts and when it ends. Spans and metrics
 * contain the messages of errors, but no prompts, answers, parameters or keys.
 */
import * as Methods from "@effect-codex/protocol/Methods"
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"
import type { RequestError, StartTurnError, TurnError } from "../model/errors/CodexError.ts"
import { failureKind } from "../model/errors/Refusal.ts"
import type { TurnResult } from "../model/turns/TurnResult.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Metrics
// ---------------------------------------------------------------------------------------------------------------------

const counter = (name: string, description: string, attributes?: Readonly<Record<string, string>>) =>
  Metric.counter(name, { description, incremental: true, ...(attributes === undefined ? {} : { attributes }) })

/** A counter with two attributes: a series for each pair of their values. */
const counters = (name: string, description: string, [first, second]: readonly [string, string]) => {
  const series = new Map<string, Map<string, Metric.Counter<number>>>()
  return (a: string, b: string): Metric.Counter<number> => {
    let inner = series.get(a)
    if (inner === undefined) series.set(a, inner = new Map())
    let metric = inner.get(b)
    if (metric === undefined) inner.set(b, metric = counter(name, description, { [first]: a, [second]: b }))
    return metric
  }
}

const requests = counters("codex.requests", "Requests that were sent, by how they ended", ["rpc.method", "outcome"])

const serverRequests = counters("codex.server_requests", "Requests of the server, by how they ended", [
  "rpc.method",
  "outcome"
])

const turns = counters("codex.turns", "Turns, by how they ended", ["status", "gen_ai.request.model"])

const tokens = counters("codex.tokens", "Tokens that turns and their sub-agents have used", [
  "gen_ai.token.type",
  "gen_ai.request.model"
])

const activeTurns = Metric.gauge("codex.turns.active", { description: "Turns that run" })

const waitingTurns = Metric.gauge("codex.turns.waiting", {
  description: "Turns that wait until their thread is free"
})

/** Lines of the server that could not be routed. */
export const badLines = counter("codex.bad_lines", "Lines of the server that could not be read")

/** Restarts of the server that brought a new connection. */
export const restarts = counter("codex.restarts", "Restarts of the server")

// ---------------------------------------------------------------------------------------------------------------------
// Requests
// ---------------------------------------------------------------------------------------------------------------------

/** Returns the kind of an error, in one word. */
const typeOf = (error: StartTurnError): string => error._tag === "CodexRpcError" ? error.reason._tag : error._tag

/** Returns the end of a request, in one word. */
const outcomeOf = (exit: Exit.Exit<unknown, StartTurnError>): string => {
  if (Exit.isSuccess(exit)) return "success"
  const error = Cause.findErrorOption(exit.cause)
  if (Option.isSome(error)) return typeOf(error.value)
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "defect"
}

/** Returns the method as metrics name it. Unknown methods share one series, because there may be any number of them. */
const known = (methods: ReadonlyMap<string, unknown>, method: string): string => methods.has(method) ? method : "_OTHER"

/** Counts a request that has ended. */
export const requestEnded = (
  method: string,
  exit: Exit.Exit<unknown, RequestError>,
  context: Context.Context<never>
): void => requests(known(Methods.clientRequests, method), outcomeOf(exit)).updateUnsafe(1, context)

/**
 * Observes a request in its own span, whose trace context is sent to the server. If no tracer would record that span, none is
 * created, and the context of the surrounding span is sent.
 */
export const request = <A>(
  method: string,
  send: (
    span: Tracer.AnySpan | undefined,
    fiber: Fiber.Fiber<unknown, unknown>
  ) => Effect.Effect<A, RequestError>
): Effect.Effect<A, RequestError> =>
  Effect.withFiber((fiber) =>
    fiber.getRef(Tracer.Tracer) === Tracer.nativeTracer
      ? send(Context.getOrUndefined(fiber.context, Tracer.ParentSpan), fiber)
      : Effect.useSpan(
        "codex.request",
        { kind: "client", attributes: rpc(method) },
        (span) => Effect.tapError(send(span, fiber), (error) => Effect.sync(() => failed(span, error)))
      )
  )

/** Records in the span of a request why it failed. */
const failed = (span: Tracer.Span, error: RequestError): void => {
  span.attribute("error.type", typeOf(error))
  if (error._tag === "CodexRpcError") span.attribute("rpc.response.status_code", String(error.code))
}

/** Observes a request of the server, within the turn that it belongs to. `error` is the error that was sent. */
export const serverRequest = (
  { method, threadId, turnId }: {
    readonly method: string
    readonly threadId: string | undefined
    readonly turnId: string | undefined
  },
  turn: Tracer.Span | undefined
) =>
<A extends { readonly error?: { readonly code: number } } | undefined>(answer: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.useSpan("codex.server_request", {
    kind: "server",
    attributes: {
      ...rpc(method),
      ...(threadId === undefined ? {} : { "gen_ai.conversation.id": threadId }),
      ...(turnId === undefined ? {} : { "codex.turn.id": turnId })
    },
    ...(turn === undefined ? {} : { parent: turn })
  }, (span) =>
    answer.pipe(
      Effect.withParentSpan(span, { captureStackTrace: false }),
      Effect.onExit((exit) => {
        const code = Exit.isSuccess(exit) ? exit.value?.error?.code : undefined
        if (code !== undefined) {
          span.attribute("error.type", String(code))
          span.attribute("rpc.response.status_code", String(code))
        }
        const outcome = Exit.isFailure(exit)
          ? "interrupted"
          : exit.value === undefined
          ? "left"
          : code === undefined
          ? "success"
          : "refused"
        return Metric.update(serverRequests(known(Methods.serverRequests, method), outcome), 1)
      })
    ))

/** Returns the attributes of a span for a method. */
export const rpc = (method: string) => ({ "rpc.system.name": "jsonrpc", "rpc.method": method })

// ---------------------------------------------------------------------------------------------------------------------
// Turns
// ---------------------------------------------------------------------------------------------------------------------

/** Counts a turn that waits for its thread, for as long as it waits. Must run uninterruptibly. */
export const waiting = <A, E, R>(wait: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Metric.modify(waitingTurns, 1).pipe(Effect.andThen(wait), Effect.ensuring(Metric.modify(waitingTurns, -1)))

/** The agent that runs a turn, as far as it is known. */
export interface Agent {
  readonly model?: string | undefined
  readonly provider?: string | undefined
}

/** The observation of one turn. */
export interface WatchedTurn {
  readonly span: Tracer.Span
  /** Ends the span of a turn that could not be started. */
  readonly failed: (exit: Exit.Exit<unknown, StartTurnError>) => void
  /** Records the id of the turn. */
  readonly named: (turnId: string) => void
  /** Ends the span, with the tokens of the turn and those of its sub-agents. */
  readonly ended: (
    exit: Exit.Exit<TurnResult, TurnError>,
    turn: Protocol.TokenUsageBreakdown | null,
    subagents: Protocol.TokenUsageBreakdown
  ) => void
}

/** Observes a turn from its start to its end. */
export const watchTurn = (threadId: string, agent: Agent): Effect.Effect<WatchedTurn> =>
  Effect.flatMap(
    Effect.makeSpan("codex.turn", {
      kind: "client",
      attributes: {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "codex",
        "gen_ai.provider.name": agent.provider ?? "openai",
        "gen_ai.conversation.id": threadId,
        ...(agent.model === undefined ? {} : { "gen_ai.request.model": agent.model })
      }
    }),
    (span) =>
      Effect.withFiber((fiber) => {
        // A turn ends in the reader, where there is no fiber.
        const { context } = fiber
        const clock = fiber.getRef(Clock.Clock)
        const end = (exit: Exit.Exit<unknown, unknown>) => {
          activeTurns.modifyUnsafe(-1, context)
          span.end(clock.currentTimeNanosUnsafe(), exit)
        }
        activeTurns.modifyUnsafe(1, context)
        return Effect.succeed<WatchedTurn>({
          span,
          failed: (exit) => {
            span.attribute("error.type", outcomeOf(exit))
            end(exit)
          },
          named: (turnId) => span.attribute("codex.turn.id", turnId),
          ended: (exit, used, subagents) => {
            const { error, status } = statusOf(exit)
            const model = agent.model ?? "unknown"
            turns(status, model).updateUnsafe(1, context)
            span.attribute("codex.turn.status", status)
            if (error !== undefined) span.attribute("error.type", error)
            if (used !== null) {
              for (const { attribute, kind, type } of tokenKinds) {
                span.attribute(attribute, used[kind])
                tokens(type, model).updateUnsafe(used[kind] + subagents[kind], context)
              }
              if (subagents.totalTokens > 0) span.attribute("codex.subagents.total_tokens", subagents.totalTokens)
            }
            end(exit)
          }
        })
      })
  )

/** The kinds of tokens. Cached tokens are part of the input, reasoning tokens part of the output. */
const tokenKinds = [
  { kind: "inputTokens", type: "input", attribute: "gen_ai.usage.input_tokens" },
  { kind: "cachedInputTokens", type: "cached_input", attribute: "gen_ai.usage.cache_read.input_tokens" },
  { kind: "outputTokens", type: "output", attribute: "gen_ai.usage.output_tokens" },
  { kind: "reasoningOutputTokens", type: "reasoning_output", attribute: "gen_ai.usage.reasoning.output_tokens" }
] as const

/** Returns the status of a turn, which is `lost` if its end did not arrive, and the kind of its error. */
const statusOf = (
  exit: Exit.Exit<TurnResult, TurnError>
): { readonly status: string; readonly error?: string } => {
  if (Exit.isSuccess(exit)) return { status: exit.value.status }
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (error === undefined) return { status: "lost" }
  if (error._tag === "TurnLimitError") return { status: "interrupted", error: `limit_${error.limit}` }
  return error._tag === "TurnFailedError"
    ? { status: "failed", error: failureKind(error.error?.codexErrorInfo) ?? error._tag }
    : { status: "lost", error: error._tag }
}
