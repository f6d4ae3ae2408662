/**
 * Effect AI toolkits as the tools of a thread: their declarations for the server, and the handler of their calls.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { textOf } from "../base/text.ts"
import * as ServerVersion from "../model/connection/ServerVersion.ts"
import { InvalidInputError } from "../model/errors/CodexError.ts"
import type { Handler } from "../model/requests/ServerRequests.ts"
import { type Call, type Handle, makeCall } from "./Calls.ts"
import { declare, flat, inNamespaces, namespaceOf } from "./Declaration.ts"

/**
 * Tools by name.
 *
 * @category models
 */
export type ByName = Record<string, Tool.Any>

/**
 * Tools with their handlers: a `Toolkit`, whose handlers are then required as services, or an evaluated one
 * (`yield* toolkit`).
 *
 * @category models
 */
export type Input<T extends ByName, R = never> =
  | Toolkit.WithHandler<T>
  | Effect.Effect<Toolkit.WithHandler<T>, never, R>

/** The services that calls of the tools require, beside those that their handlers were built with. */
export type Services<T extends ByName> = Tool.HandlerServices<T[keyof T]>

/** Tools, prepared for a thread. */
export interface Prepared<in out R> {
  /** The declarations for the server. */
  readonly dynamicTools: ReadonlyArray<Protocol.DynamicToolSpec>
  /** Decodes a call, runs the handler of its tool, and encodes the result. */
  readonly handler: Handler<"item/tool/call", R>
}

/**
 * Declares tools for the option `dynamicTools` of `threadStart`, if a program answers `item/tool/call` itself instead of passing
 * `tools`. `serverVersion` is that of `codex.metadata`. Fails with `InvalidInputError` if a tool can't be offered.
 *
 * @category constructors
 */
export const declarations = Effect.fnUntraced(function*(
  tools: ReadonlyArray<Tool.Any>,
  serverVersion: string
): Effect.fn.Return<ReadonlyArray<Protocol.DynamicToolSpec>, InvalidInputError> {
  const declared = yield* Effect.forEach(tools, declare)
  const shadowed = declared.flatMap(({ name, namespace }) => namespace === undefined && ofCodex.has(name) ? [name] : [])
  if (shadowed.length > 0) {
    yield* Effect.logWarning(
      `Codex has its own tools named ${shadowed.join(", ")}. Where it offers them, the model does not see yours. `
        + "Rename yours, or put them in a Tools.Namespace."
    )
  }
  return isOld(serverVersion) ? flat(declared) : inNamespaces(declared)
})

/** Later servers take groups of tools, and audio as a result. */
const isOld = (serverVersion: string): boolean => !ServerVersion.isAtLeast(serverVersion, "0.150.0")

/**
 * Prepares tools for a thread. Calls of other tools go to `otherwise`. Fails with `InvalidInputError` if a tool can't be
 * offered or, in JavaScript, has no handler.
 */
export const prepare = Effect.fnUntraced(function*<T extends ByName, RT, R>(
  input: Input<T, RT>,
  otherwise: Handler<"item/tool/call", R>,
  serverVersion: string
): Effect.fn.Return<Prepared<R | Services<T>>, InvalidInputError, RT> {
  yield* checkHandlers(input)
  const toolkit = Effect.isEffect(input) ? yield* input : input
  // Tools are looked up by the names that the server sends, which the types of `handle` can't follow.
  const handle = toolkit.handle as Handle<Services<T>>
  const calls = new Map<string, { readonly namespace: string | undefined; readonly run: Call<Services<T>> }>()
  const tools = Object.values(toolkit.tools)
  const dynamicTools = yield* declarations(tools, serverVersion)
  const takes = { audio: !isOld(serverVersion) }
  for (const tool of tools) {
    const run = yield* Effect.try({
      try: () => makeCall(tool, handle, takes),
      catch: (error) =>
        new InvalidInputError({
          field: "tools",
          detail: `a Schema of the tool ${JSON.stringify(tool.name)} can't be used (${textOf(error)})`
        })
    })
    calls.set(tool.name, { namespace: namespaceOf(tool)?.name, run })
  }
  return {
    dynamicTools,
    handler: (params, context) => {
      const call = calls.get(params.tool)
      return call !== undefined && call.namespace === (params.namespace ?? undefined)
        ? call.run(params)
        : otherwise(params, context)
    }
  }
})

/** The tools of a value that may be a toolkit, evaluated or not. */
const toolsOf = (input: unknown): ByName | undefined =>
  Predicate.hasProperty(input, "tools") && Predicate.isObject(input.tools) ? input.tools as ByName : undefined

/** Fails for what only JavaScript can pass: a value that is no toolkit, or a toolkit without the Layer of its handlers. */
const checkHandlers = (input: unknown): Effect.Effect<void, InvalidInputError> =>
  Effect.contextWith((context) => {
    const tools = toolsOf(input)
    if (!Effect.isEffect(input)) {
      return tools !== undefined && Predicate.hasProperty(input, "handle")
        ? Effect.void
        : invalid("it is not a toolkit: pass Toolkit.make(...), or a toolkit with its handlers")
    }
    // Any other Effect of a toolkit has no tools to look at before it runs.
    const missing = Object.values(tools ?? {}).filter(({ id }) => !context.mapUnsafe.has(id))
    return missing.length === 0
      ? Effect.void
      : invalid(
        `there is no handler for ${missing.map(({ name }) => name).join(", ")}: `
          + "provide the Layer that toolkit.toLayer({ ... }) returns"
      )
  })

const invalid = (detail: string) => Effect.fail(new InvalidInputError({ field: "tools", detail }))

/** Codex's own tools, which hide others of the same name. Model and configuration determine which of them it offers. */
const ofCodex: ReadonlySet<string> = new Set([
  "apply_patch",
  "create_goal",
  "exec_command",
  "get_goal",
  "request_permissions",
  "request_user_input",
  "shell_command",
  "tool_search",
  "update_goal",
  "view_image",
  "write_stdin"
])
