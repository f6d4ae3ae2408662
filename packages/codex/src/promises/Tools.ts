/**
 * Tools of the Promise API: async functions that the agent may call.
 */
import * as AiTool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { messageOf } from "../base/text.ts"
import { InvalidInputError } from "../model/errors/CodexError.ts"
import { DeferLoading, Namespace, Timeout } from "../tools/Annotations.ts"
import { type AnySchema, toEffectSchema } from "./Schemas.ts"

/**
 * The context of a call.
 *
 * @category models
 */
export interface CallContext {
  /** Aborted when the result is no longer needed: the turn ended, the connection was lost, or the `timeout` expired. */
  readonly signal: AbortSignal
}

/** The parts of a tool beside its parameters and its function. */
interface ToolOptions {
  /** The description that the model sees. */
  readonly description: string
  /** The time limit of one call. Default: none; a call may take as long as its turn. */
  readonly timeout?: Duration.Input | undefined
  /** The namespace that contains the tool, which servers before 0.150 describe in their own words. Default: none. */
  readonly namespace?: Namespace["Service"] | undefined
  /** True if the model finds the tool by searching, which requires a `namespace`. Default: false. */
  readonly deferLoading?: boolean | undefined
}

/**
 * A tool. Its name is its key in the option `tools`.
 *
 * @category models
 */
export interface Tool<P> extends ToolOptions {
  /** The Schema of the parameters, which must be an object. Default: no parameters. */
  readonly parameters?: AnySchema<P> | undefined
  /**
   * Runs a call. The model receives a returned string as it is, other values as JSON, and `Done.` for none. If it throws, the model
   * receives the message.
   */
  readonly execute: (params: P, context: CallContext) => unknown
}

/** A tool, whatever its parameters. */
interface AnyTool extends ToolOptions {
  readonly parameters?: AnySchema<unknown> | undefined
  readonly execute: (params: never, context: CallContext) => unknown
}

/**
 * Tools by name.
 *
 * @category models
 */
export type Tools = { readonly [name: string]: AnyTool }

/**
 * Defines a tool: the function's parameters have the type of the Schema.
 *
 * @example
 * ```ts
 * import { Codex, tool } from "effect-codex/promises"
 * import { z } from "zod"
 *
 * const stock = tool({
 *   description: "Returns how many pieces of an article are in stock",
 *   parameters: z.object({ article: z.string() }),
 *   execute: async ({ article }) => article.length
 * })
 *
 * await using codex = await Codex.start()
 * const thread = await codex.threadStart({ tools: { stock } })
 * ```
 *
 * @category constructors
 */
export const tool = <P = {}>(definition: Tool<P>): Tool<P> => definition

const make = (name: string, { deferLoading = false, description, namespace, parameters, timeout }: AnyTool) =>
  Effect.map(
    parameters === undefined
      ? Effect.succeed(AiTool.EmptyParams)
      : Effect.fromResult(toEffectSchema(parameters, `tools.${name}.parameters`)),
    (parameters) => {
      const tool = AiTool.make(name, { description, parameters, success: Schema.String, failure: Schema.String })
        .annotate(DeferLoading, deferLoading)
      const inTime = timeout === undefined ? tool : tool.annotate(Timeout, timeout)
      return namespace === undefined ? inTime : inTime.annotate(Namespace, namespace)
    }
  )

/** The text of a result. Throws for a value without a JSON form. */
const textOfResult = (result: unknown): string => {
  if (typeof result === "string") return result
  if (result === undefined || result === null) return "Done."
  const json: string | undefined = JSON.stringify(result)
  if (json === undefined) throw new TypeError(`The tool returned a ${typeof result}, which has no JSON form`)
  return json
}

const toHandler = ({ execute }: AnyTool) => {
  // The toolkit decodes the parameters with the Schema that `execute` was typed by.
  const call = execute as (params: unknown, context: CallContext) => unknown
  return (params: unknown) =>
    Effect.tryPromise({
      try: async (signal) => textOfResult(await call(params, { signal })),
      catch: messageOf
    })
}

/** Returns the tools as a toolkit with its handlers. Fails with `InvalidInputError` for a value that is no tool. */
export const toToolkit = Effect.fnUntraced(function*(tools: Tools) {
  if (!Predicate.isObject(tools)) return yield* invalid("it is not an object of tools by name")
  for (const [name, definition] of Object.entries(tools)) {
    if (!Predicate.isObject(definition) || typeof definition.execute !== "function") {
      return yield* invalid(
        `${name} has no function \`execute\`; define it with tool({ description, parameters, execute })`
      )
    }
  }
  const toolkit = Toolkit.make(...yield* Effect.forEach(Object.entries(tools), ([name, tool]) => make(name, tool)))
  const handlers = Object.fromEntries(Object.entries(tools).map(([name, tool]) => [name, toHandler(tool)]))
  return yield* Effect.provide(toolkit, toolkit.toLayer(handlers))
})

const invalid = (detail: string) => Effect.fail(new InvalidInputError({ field: "tools", detail }))
