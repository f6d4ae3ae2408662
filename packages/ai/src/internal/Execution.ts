/**
 * Execution of tools within a turn: their handlers run as Codex calls them, and their results become parts of the response.
 */
import type { AiError } from "effect/ai/AiError"
import type * as Tool from "effect/ai/Tool"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Content from "./Content.ts"
import type { Parts } from "./Parts.ts"
import type { Incoming } from "./Threads.ts"
import type { Executor } from "./ToolCalls.ts"
import * as ToolCodec from "./ToolCodec.ts"

/** The `handle` of a toolkit, for names that the types do not know. */
export type Handle = (
  name: string,
  params: unknown,
  toolCallId: string
) => Effect.Effect<Stream.Stream<Tool.HandlerResult<Tool.Any>, unknown, unknown>, AiError, unknown>

/** The handlers that a call of the model brings along. */
export interface Handlers {
  readonly tools: Readonly<Record<string, Tool.Any>>
  readonly handle: Handle
  /** The services of the caller. */
  readonly context: Context.Context<unknown>
  /** Limits how many handlers run at once. */
  readonly limit: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Why a handler has failed, which is why the call fails. */
  failure: Cause.Cause<unknown> | undefined
}

/** Returns whether a tool takes parameters, as its toolkit decides. */
export const accepting = ({ context }: Handlers) => (tool: Tool.Any, params: unknown): boolean =>
  Exit.isSuccess(Effect.runSyncExit(
    Effect.provideContext(Schema.decodeUnknownEffect(tool.parametersSchema)(params), context)
  ))

/** Returns an executor for the calls of one thread. It passes its parts of the response to `offer`. */
export const make = (
  handlers: Handlers,
  { offer, parts, threadId }: {
    readonly threadId: string
    readonly parts: Parts
    readonly offer: (incoming: Incoming) => void
  }
): Executor =>
(call) => {
  const tool = handlers.tools[call.tool]
  if (tool === undefined) return Effect.succeed(ToolCodec.failure(`There is no tool ${call.tool}.`))
  const { name } = tool
  const last: { result?: Tool.HandlerResult<Tool.Any> } = {}

  const add = (output: Tool.HandlerResult<Tool.Any>): Effect.Effect<void> =>
    Effect.map(contentOf(output), (content) => {
      last.result = output
      // What a sub-agent has called is no part of this response.
      if (call.threadId !== threadId) return
      const { encodedResult: result, isFailure, modelOutput, preliminary } = output
      offer({
        _tag: "Drafts",
        drafts: () => parts.result({ id: call.callId, name, isFailure, result, modelOutput, content, preliminary })
      })
    })

  const respond = Effect.suspend(() =>
    last.result === undefined
      ? Effect.die(new Error(`The tool ${name} has no result.`))
      : Effect.map(contentOf(last.result), (content) =>
        ToolCodec.response({ content, isFailure: last.result?.isFailure ?? true, result: last.result?.encodedResult }))
  )

  return handlers.handle(name, ToolCodec.decodeParams(tool, call.arguments), call.callId).pipe(
    Stream.unwrap,
    Stream.runForEach(add),
    handlers.limit,
    Effect.andThen(respond),
    Effect.provideContext(handlers.context),
    Effect.catchCause((cause) =>
      Effect.sync(() => {
        if (!Cause.hasInterruptsOnly(cause)) {
          handlers.failure ??= cause
          offer({ _tag: "HandlerFailed" })
        }
        return ToolCodec.failure(`The tool ${name} failed.`)
      })
    )
  )
}

/** Returns what the model sees of a result, if the tool says so. Without a form for Codex it sees the result itself. */
const contentOf = (
  { modelOutput }: Tool.HandlerResult<Tool.Any>
): Effect.Effect<ReadonlyArray<Content.Content> | undefined> =>
  modelOutput === undefined
    ? Effect.succeed(undefined)
    : Effect.orElseSucceed(Effect.forEach(modelOutput, Content.ofPart), () => undefined)
