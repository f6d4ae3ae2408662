/**
 * The provider: what `LanguageModel` asks of Codex, one step per call.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { Codex } from "effect-codex/Codex"
import * as AiError from "effect/ai/AiError"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import * as Telemetry from "effect/ai/Telemetry"
import * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import * as Calls from "./Calls.ts"
import * as CodexTools from "./CodexTools.ts"
import * as Declarations from "./Declarations.ts"
import * as Execution from "./Execution.ts"
import * as Failure from "./Failure.ts"
import { fold } from "./fold.ts"
import * as Options from "./Options.ts"
import * as Start from "./Start.ts"
import * as Step from "./Step.ts"
import * as StructuredOutput from "./StructuredOutput.ts"
import type { Threads } from "./Threads.ts"
import * as Transcript from "./Transcript.ts"

/** The functions that `LanguageModel.make` takes. */
export interface Provider {
  readonly generateText: (
    options: LanguageModel.ProviderOptions
  ) => Effect.Effect<Array<Response.PartEncoded>, AiError.AiError>
  readonly streamText: (
    options: LanguageModel.ProviderOptions
  ) => Stream.Stream<Response.StreamPartEncoded, AiError.AiError>
}

export const make = Effect.fnUntraced(function*(
  options: Options.Options,
  threads: Threads
): Effect.fn.Return<Provider, never, Codex | Scope.Scope> {
  const codex = yield* Codex
  const scope = yield* Effect.scope
  const declare = yield* Declarations.make
  const start = Start.make({ codex, threads, options, scope })
  /** Requests that were refused, by the span of their call. */
  const refused = new WeakMap<Tracer.Span, AiError.AiError>()

  const begin = Effect.fnUntraced(function*(given: LanguageModel.ProviderOptions, method: string) {
    const call = yield* Calls.CurrentCall
    const config = Options.merge(options, yield* Options.Config)
    const tools = yield* toolsOf(given)
    const { responseFormat, span } = given
    Telemetry.addGenAIAnnotations(span, {
      provider: { name: "codex" },
      operation: { name: "chat" },
      request: { model: config.model ?? null }
    })
    const { conversation, running } = yield* start({
      transcript: yield* Transcript.read(given.prompt),
      config,
      declarations: yield* declare(tools.filter((tool) => !CodexTools.isCodexTool(tool))),
      outputSchema: responseFormat.type === "json" ? yield* outputSchemaOf(responseFormat.schema) : undefined,
      handlers: call?.handlers
    })
    Telemetry.addGenAIAnnotations(span, { request: { model: conversation.thread.model ?? null } })
    const commentary = options.commentary ?? "reasoning"
    return Step.parts({
      method,
      threads,
      conversation,
      running,
      call,
      span,
      style: {
        tools,
        accepts: call?.handlers && Execution.accepting(call.handlers),
        commentary: responseFormat.type === "json" && commentary === "text" ? "reasoning" : commentary
      }
    })
  })

  const stream = (given: LanguageModel.ProviderOptions, method: string) =>
    Stream.suspend(() => {
      // Effect repeats a request that was refused with its whole prompt. Codex had the whole prompt before.
      const before = given.incrementalFallback === true ? refused.get(given.span) : undefined
      if (before !== undefined) return Stream.fail(before)
      const beginning = begin(given, method).pipe(
        Effect.mapError((error) => aiError(method, error)),
        Effect.withParentSpan(given.span, { captureStackTrace: false })
      )
      return Stream.tapError(Stream.unwrap(beginning), (error) => Effect.sync(() => refused.set(given.span, error)))
    })

  return {
    streamText: (given) => stream(given, "streamText"),
    generateText: (given) => {
      const isStructured = given.responseFormat.type === "json"
      return Effect.map(
        Stream.runCollect(stream(given, isStructured ? "generateObject" : "generateText")),
        (parts) => fold(parts, isStructured)
      )
    }
  }
})

const aiError = (method: string, error: Failure.Error | AiError.AiErrorReason): AiError.AiError =>
  AiError.isAiErrorReason(error) ? Failure.make(method, error) : Failure.fromCodex(method, error)

/** Returns the tools of a call. Fails if Codex can't do what is asked of them. */
const toolsOf = (
  { toolChoice, tools }: LanguageModel.ProviderOptions
): Effect.Effect<ReadonlyArray<Tool.Any>, AiError.InvalidRequestError> => {
  const foreign = tools.find((tool) => Tool.isProviderDefined(tool) && !CodexTools.isCodexTool(tool))
  if (foreign !== undefined) {
    return Effect.fail(Failure.invalidRequest("toolkit", `The tool ${foreign.name} belongs to another provider.`))
  }
  if (toolChoice === "none") return Effect.succeed([])
  const isForced = toolChoice === "required"
    || (typeof toolChoice === "object" && ("tool" in toolChoice || toolChoice.mode === "required"))
  return isForced
    ? Effect.fail(Failure.invalidRequest("toolChoice", "Codex decides itself whether it calls a tool. Use \"auto\"."))
    : Effect.succeed(tools)
}

const outputSchemaOf = (
  schema: Parameters<typeof StructuredOutput.transform>[0]
): Effect.Effect<Protocol.Json, AiError.UnsupportedSchemaError> =>
  Effect.try({
    // A JSON Schema is JSON, which its type does not say.
    try: () => StructuredOutput.transform(schema).jsonSchema as Protocol.JsonObject,
    catch: (error) => new AiError.UnsupportedSchemaError({ description: String(error) })
  })
