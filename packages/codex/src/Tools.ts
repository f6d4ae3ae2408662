/**
 * Effect AI tools for the agent: the tools of a `Toolkit` become tools of a thread, and their handlers answer the agent's
 * calls.
 *
 * @example
 * ```ts
 * import { Tool, Toolkit } from "effect/ai"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import { Codex } from "effect-codex"
 *
 * const Stock = Tool.make("stock", {
 *   description: "Returns how many pieces of an article are in stock",
 *   parameters: Schema.Struct({ article: Schema.String }),
 *   success: Schema.Int
 * })
 * const toolkit = Toolkit.make(Stock)
 * const handlers = toolkit.toLayer({ stock: ({ article }) => Effect.succeed(article.length) })
 *
 * const program = Effect.gen(function*() {
 *   const codex = yield* Codex.Codex
 *   const thread = yield* codex.threadStart({ tools: toolkit })
 *   return yield* thread.run("How many lamps do we have?")
 * }).pipe(Effect.provide(handlers))
 * ```
 */
export { DeferLoading, Namespace, Timeout } from "./tools/Annotations.ts"
export { type ByName, declarations, type Input, type Services } from "./tools/Toolkits.ts"
