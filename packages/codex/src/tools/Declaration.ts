/**
 * Declarations of tools: the tools of a `Toolkit` as the server's `dynamicTools`.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Tool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { textOf } from "../base/text.ts"
import { InvalidInputError } from "../model/errors/CodexError.ts"
import { DeferLoading, Namespace } from "./Annotations.ts"
import * as EffectTool from "./EffectTool.ts"
import { jsonSchemaOf, placeWithoutJson } from "./Parameters.ts"

/** The declaration of a tool, with its namespace. */
export type Declaration = Protocol.FunctionDynamicToolSpec & { readonly namespace: Namespace["Service"] | undefined }

/** Returns the namespace of a tool. */
export const namespaceOf = (tool: Tool.Any): Namespace["Service"] | undefined =>
  Option.getOrUndefined(Context.getOption(tool.annotations, Namespace))

const isName = (name: string): boolean => /^[a-zA-Z0-9_-]{1,128}$/.test(name)

/**
 * Declares a tool. Fails with `InvalidInputError` for tools that can't be offered: those of a model provider, those that
 * ask for approval, and those whose name or parameters Codex does not take.
 */
export const declare = (tool: Tool.Any): Effect.Effect<Declaration, InvalidInputError> => {
  const refuse = (detail: string) =>
    Effect.fail(new InvalidInputError({ field: "tools", detail: `the tool ${JSON.stringify(tool.name)} ${detail}` }))
  if (EffectTool.isProviderDefined(tool)) {
    return refuse("belongs to a model provider and can't be given to Codex: enable Codex's own in its configuration")
  }
  if (tool.needsApproval !== undefined && tool.needsApproval !== false) {
    return refuse("has needsApproval, which Codex does not support for tools: ask for approval in its handler")
  }
  if (!isName(tool.name)) {
    return refuse("must have a name of 1 to 128 letters, digits, `_` or `-`")
  }
  const namespace = namespaceOf(tool)
  if (namespace !== undefined && !isName(namespace.name)) {
    return refuse(
      `is in the namespace ${
        JSON.stringify(namespace.name)
      }, whose name must be 1 to 128 letters, digits, \`_\` or \`-\``
    )
  }
  const deferLoading = Context.get(tool.annotations, DeferLoading)
  if (deferLoading && namespace === undefined) {
    return refuse("has the annotation Tools.DeferLoading, which also requires a Tools.Namespace")
  }
  const unusable = (error: unknown) =>
    new InvalidInputError({
      field: "tools",
      detail: `the parameters of the tool ${JSON.stringify(tool.name)} have no JSON Schema (${textOf(error)})`
    })
  return Effect.gen(function*() {
    const withoutJson = yield* Effect.try({
      try: () => EffectTool.dynamicSchema(tool) === undefined ? placeWithoutJson(tool.parametersSchema.ast) : undefined,
      // A Schema may be nested more deeply than the stack is.
      catch: unusable
    })
    if (withoutJson !== undefined) {
      return yield* refuse(
        `has a parameter without a JSON form, at ${withoutJson}: `
          + "use a type that has one, or annotate its Schema with toCodecJson"
      )
    }
    const inputSchema = yield* Effect.try({ try: () => jsonSchemaOf(tool), catch: unusable })
    if (inputSchema["type"] !== "object") {
      return yield* refuse("must take an object as its parameters, such as a Schema.Struct")
    }
    return {
      type: "function",
      name: tool.name,
      description: EffectTool.descriptionOf(tool) ?? "",
      // A JSON Schema is JSON, which its type does not say.
      inputSchema: inputSchema as Protocol.JsonObject,
      ...(deferLoading ? { deferLoading } : {}),
      namespace
    }
  })
}

/** Groups tools by namespace, as servers from 0.150 on take them. */
export const inNamespaces = (specs: ReadonlyArray<Declaration>): ReadonlyArray<Protocol.DynamicToolSpec> => {
  const plain: Array<Protocol.DynamicToolSpec> = []
  const namespaces = new Map<
    string,
    { readonly description: string; readonly tools: Array<Protocol.DynamicToolNamespaceTool> }
  >()
  for (const { namespace, ...spec } of specs) {
    if (namespace === undefined) plain.push(spec)
    else {
      const { description, name } = namespace
      const entry = namespaces.get(name) ?? { description, tools: [] }
      namespaces.set(name, entry)
      entry.tools.push(spec)
    }
  }
  return [
    ...plain,
    ...Array.from(namespaces, ([name, entry]) => ({ type: "namespace" as const, name, ...entry }))
  ]
}

/** Lists tools with the name of their namespace at each, as servers before 0.150 take them. */
export const flat = (specs: ReadonlyArray<Declaration>): ReadonlyArray<Protocol.DynamicToolSpec> =>
  specs.map(({ namespace, ...spec }) => namespace === undefined ? spec : { ...spec, namespace: namespace.name })
