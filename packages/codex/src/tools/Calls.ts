/**
 * Calls of tools: decodes the arguments of an `item/tool/call`, runs the tool's handler, and encodes its result.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type { AiError } from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import type * as Tool from "effect/ai/Tool"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Params, Response } from "../model/requests/ServerRequests.ts"
import { Timeout } from "./Annotations.ts"
import * as EffectTool from "./EffectTool.ts"

type ToolParams = Params<"item/tool/call">

type ToolResponse = Response<"item/tool/call">

/** The `handle` of a toolkit, for names that the types do not know. */
export type Handle<R> = (
  name: string,
  params: unknown,
  toolCallId: string,
  options: { readonly errors: "all" }
) => Effect.Effect<Stream.Stream<Tool.HandlerResult<Tool.Any>, unknown, R>, AiError, R>

/** Runs one call. It always succeeds: the model sees a failure as the tool's output. */
export type Call<R> = (params: ToolParams) => Effect.Effect<ToolResponse, never, R>

/** JSON to and from the encoded side of a Schema, which is what a toolkit takes and returns. */
const jsonOf = (schema: Schema.Constraint) => Schema.toCodecJson(Schema.toEncoded(schema))

/** Prepares the calls of one tool. `takes.audio`: whether the server passes audio on to the model. */
export const makeCall = <R>(tool: Tool.Any, handle: Handle<R>, takes: { readonly audio: boolean }): Call<R> => {
  const decode = EffectTool.dynamicSchema(tool) !== undefined
    ? Effect.succeed<unknown>
    : Schema.decodeUnknownEffect(jsonOf(tool.parametersSchema), { errors: "all" })
  const encodeSuccess = Schema.encodeUnknownEffect(jsonOf(tool.successSchema))
  // Its services are among those that the calls of the tool require.
  const encodeFailure = Schema.encodeUnknownEffect(Schema.toCodecJson(tool.failureSchema)) as (
    error: unknown
  ) => Effect.Effect<unknown, Schema.SchemaError, R>
  const timeout = Duration.fromInputUnsafe(Context.get(tool.annotations, Timeout))

  /** Returns the reason of a failure, for the model. Undefined if the failure is not the model's business. */
  const reasonOf = (error: unknown, origin: Tool.FailureOrigin): Effect.Effect<string | undefined, never, R> => {
    if (origin === "result") return Effect.succeed(undefined)
    if (EffectTool.isAiError(error)) return Effect.succeed(error.reason.message)
    if (error instanceof Error && error.message !== "") return Effect.succeed(error.message)
    return Effect.orElseSucceed(Effect.map(encodeFailure(error), textOf), () => undefined)
  }

  const broken = (cause: Cause.Cause<unknown>): Effect.Effect<ToolResponse> =>
    Effect.as(
      Effect.logError(`The tool ${tool.name} is broken.`, cause),
      failure(`The tool ${tool.name} failed with an internal error.`)
    )

  const failed = (error: unknown, origin: Tool.FailureOrigin, cause: Cause.Cause<unknown>) =>
    Effect.flatMap(
      reasonOf(error, origin),
      (reason) =>
        reason === undefined ? broken(cause) : Effect.succeed(failure(`The tool ${tool.name} failed: ${reason}`))
    )

  const run = Effect.fnUntraced(function*({ arguments: json, callId }: ToolParams) {
    const params = yield* Effect.result(decode(json))
    if (Result.isFailure(params)) {
      return failure(`Invalid parameters for the tool ${tool.name}: ${params.failure.message}`)
    }
    const results = handle(tool.name, params.success, callId, { errors: "all" }).pipe(Stream.unwrap, Stream.runLast)
    // A handler ends with its one final result.
    const result = Option.getOrThrow(yield* results)
    if (result.isFailure) {
      return yield* failed(result.result, result.failureOrigin ?? "result", Cause.fail(result.result))
    }
    if (result.modelOutput !== undefined) {
      return { success: true, contentItems: result.modelOutput.map((part) => contentOf(part, takes)) }
    }
    return { success: true, contentItems: [text(textOf(yield* encodeSuccess(result.encodedResult)))] }
  })

  return (params) =>
    Effect.annotateCurrentSpan({
      "gen_ai.operation.name": "execute_tool",
      "gen_ai.tool.name": tool.name,
      "gen_ai.tool.type": "function",
      "gen_ai.tool.call.id": params.callId
    }).pipe(
      Effect.andThen(withoutParameters(run(params))),
      Effect.catchCause((cause) => {
        const fail = Cause.findFail(cause)
        if (Result.isFailure(fail)) return broken(cause)
        const origin = Context.get(Cause.reasonAnnotations(fail.success), EffectTool.FailureOrigin)
        return failed(fail.success.error, origin, cause)
      }),
      Effect.timeoutOrElse({
        duration: timeout,
        orElse: () =>
          Effect.succeed(failure(`The tool ${tool.name} did not answer within ${Duration.format(timeout)}.`))
      }),
      Effect.tap(({ success }) => success ? Effect.void : Effect.annotateCurrentSpan("error.type", "tool_error")),
      Effect.annotateLogs({ "gen_ai.tool.name": tool.name, "gen_ai.tool.call.id": params.callId })
    )
}

const text = (text: string): Protocol.InputTextDynamicToolCallOutputContentItem => ({ type: "inputText", text })

/** A failure. The model sees only the text, not the flag. */
const failure = (message: string): ToolResponse => ({ success: false, contentItems: [text(message)] })

const textOf = (json: unknown): string =>
  typeof json === "string" ? json : json === undefined || json === null ? "Done." : JSON.stringify(json) ?? "Done."

const contentOf = (
  part: Prompt.ToolModelOutputPart,
  takes: { readonly audio: boolean }
): Protocol.DynamicToolCallOutputContentItemInput => {
  if (part.type === "text") return text(part.text)
  const { data, fileName, mediaType } = part
  const url = data instanceof URL
    ? data.href
    : `data:${mediaType};base64,${typeof data === "string" ? data : Base64.encode(data)}`
  if (mediaType.startsWith("image/")) return { type: "inputImage", imageUrl: url }
  if (takes.audio && mediaType.startsWith("audio/")) return { type: "inputAudio", audioUrl: url }
  return text(`[${mediaType}${fileName === undefined ? "" : ` ${fileName}`}, which can't be shown]`)
}

/** Keeps the arguments of a call out of the current span, where a toolkit writes them: they may contain secrets. */
const withoutParameters = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const span = fiber.cache.span
    if (span?._tag !== "Span") return self
    const attribute = (key: string, value: unknown) => {
      if (key !== "parameters") span.attribute(key, value)
    }
    return Effect.provideService(
      self,
      Tracer.ParentSpan,
      new Proxy(span, {
        get: (target, key) => {
          if (key === "attribute") return attribute
          const value: unknown = Reflect.get(target, key, target)
          return typeof value === "function" ? value.bind(target) : value
        }
      })
    )
  })
