/**
 * Codex as the `LanguageModel` of Effect AI: programs that generate text, streams and objects, call tools and keep chats run on
 * the Codex agent as they do on any other provider.
 *
 * @example
 * ```ts
 * import { CodexLanguageModel } from "@effect-codex/ai"
 * import { Codex } from "effect-codex"
 * import { LanguageModel } from "effect/ai"
 * import * as Console from "effect/Console"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 *
 * const program = Effect.gen(function*() {
 *   const response = yield* LanguageModel.generateText({ prompt: "Say hello in one sentence." })
 *   yield* Console.log(response.text)
 * }).pipe(Effect.provide(Layer.provide(CodexLanguageModel.layer(), Codex.layer())))
 * ```
 */
import type { Codex } from "effect-codex/Codex"
import * as LanguageModel from "effect/ai/LanguageModel"
import * as Model from "effect/ai/Model"
import * as Effect from "effect/Effect"
import { dual } from "effect/Function"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Calls from "./internal/Calls.ts"
import { type CallConfig, Config, type Options } from "./internal/Options.ts"
import * as Provider from "./internal/Provider.ts"
import * as StructuredOutput from "./internal/StructuredOutput.ts"
import * as Threads from "./internal/Threads.ts"
import type { Ticket } from "./internal/Ticket.ts"

export { type CallConfig, Config, type Options, type ThreadOptions } from "./internal/Options.ts"
export type { Ticket } from "./internal/Ticket.ts"

/**
 * The metadata of a response's finish part.
 *
 * @category models
 */
export type FinishMetadata = {
  /** The thread of the conversation. */
  readonly threadId: string
  /** The turn that has ended, or that waits for results. */
  readonly turnId: string
  /** `"completed"`, `"interrupted"`, or `"inProgress"` if the turn waits for results. */
  readonly status: string
  /** The size of the model's context window in tokens; null if the server has not reported it. */
  readonly contextWindow: number | null
}

declare module "effect/ai/Response" {
  export interface TextPartMetadata extends ProviderMetadata {
    readonly codex?: Ticket | null
  }
  export interface TextEndPartMetadata extends ProviderMetadata {
    readonly codex?: Ticket | null
  }
  export interface ToolCallPartMetadata extends ProviderMetadata {
    readonly codex?: Ticket | null
  }
  export interface FinishPartMetadata extends ProviderMetadata {
    readonly codex?: FinishMetadata | null
  }
}

declare module "effect/ai/Prompt" {
  export interface TextPartOptions extends ProviderOptions {
    readonly codex?: Ticket | null
  }
  export interface ToolCallPartOptions extends ProviderOptions {
    readonly codex?: Ticket | null
  }
}

/**
 * Makes the service. Closing the scope stops turns that wait for results, and releases the threads.
 *
 * @category constructors
 */
export const make = Effect.fnUntraced(function*(
  options: Options = {}
): Effect.fn.Return<LanguageModel.LanguageModel, never, Codex | Scope.Scope> {
  const threads = yield* Threads.make(options)
  const provider = yield* Provider.make(options, threads)
  const model = yield* LanguageModel.make({
    ...provider,
    codecTransformer: StructuredOutput.transform,
    supportsSystemMessagesInHistory: Effect.succeed(true)
  })
  return Calls.wrap(model, { threads, executesTools: options.toolExecution === "turn" })
})

/**
 * A Layer of the service, which requires `Codex`.
 *
 * @category layers
 */
export const layer = (options?: Options): Layer.Layer<LanguageModel.LanguageModel, never, Codex> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))

/**
 * A `Model` of Effect AI: the Layer, with the names of the provider (`"codex"`) and of the model.
 *
 * @category layers
 */
export const model = (
  name: string,
  options?: Omit<Options, "model">
): Model.Model<"codex", LanguageModel.LanguageModel, Codex> =>
  Model.make("codex", name, layer({ ...options, model: name }))

type Target = Effect.Effect<unknown, unknown, unknown> | Stream.Stream<unknown, unknown, unknown>

/** The type of an Effect or a Stream with other options. */
export type Overridden<Self> = Self extends Stream.Stream<infer A, infer E, infer R> ? Stream.Stream<A, E, R>
  : Self extends Effect.Effect<infer A, infer E, infer R> ? Effect.Effect<A, E, R>
  : never

/**
 * Sets options for the calls in an Effect or a Stream. They take precedence over those of the Layer and of an outer
 * `withConfigOverride`.
 *
 * @example
 * ```ts
 * import { CodexLanguageModel } from "@effect-codex/ai"
 * import { LanguageModel } from "effect/ai"
 *
 * const quick = LanguageModel.generateText({ prompt: "2 + 2?" }).pipe(
 *   CodexLanguageModel.withConfigOverride({ effort: "low" })
 * )
 * ```
 *
 * @category configuration
 */
export const withConfigOverride: {
  (config: CallConfig): <Self extends Target>(self: Self) => Overridden<Self>
  <Self extends Target>(self: Self, config: CallConfig): Overridden<Self>
} = dual(2, <Self extends Target>(self: Self, config: CallConfig) => {
  const merged = Effect.map(Config, (outer) => ({ ...outer, ...config }))
  return Stream.isStream(self)
    ? Stream.unwrap(Effect.map(merged, (config) => Stream.provideService(self, Config, config)))
    : Effect.flatMap(merged, (config) => Effect.provideService(self, Config, config))
})
