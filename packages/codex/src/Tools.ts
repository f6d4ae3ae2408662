/**
 * Effect AI tools for the agent: each tool of a `Toolkit` becomes a dynamic tool of a thread, and its handler answers the
 * agent's calls.
 *
 * @example
 * ```ts
 * import { Tool, Toolkit } from "effect/ai"
 * import * as Effect from "effect/Effect"
 * import * as Schema from "effect/Schema"
 * import { Codex } from "effect-codex"
 *
 * const Stock = Tool.make("stock", {
 *   description: "How many pieces of an article are in stock",
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
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type { AiError } from "effect/ai/AiError"
import type * as Prompt from "effect/ai/Prompt"
import type * as Tool from "effect/ai/Tool"
import type * as Toolkit from "effect/ai/Toolkit"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import type * as JsonSchema from "effect/JsonSchema"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaAST from "effect/SchemaAST"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import { nameOf } from "./base/definitions.ts"
import { InvalidInputError } from "./model/CodexError.ts"
import type { Handler, Response } from "./model/ServerRequests.ts"
import * as ServerVersion from "./model/ServerVersion.ts"

// ---------------------------------------------------------------------------------------------------------------------
// Annotations of a tool
// ---------------------------------------------------------------------------------------------------------------------

/**
 * Annotation: the namespace in which the model finds a tool. Tools with the same namespace are offered together, as
 * `name.tool`, under the description of the first one's.
 *
 * @example
 * ```ts
 * import { Tool } from "effect/ai"
 * import { Tools } from "effect-codex"
 *
 * const crm = { name: "crm", description: "What we know of our customers" }
 * const Find = Tool.make("find").annotate(Tools.Namespace, crm)
 * const Merge = Tool.make("merge").annotate(Tools.Namespace, crm)
 * ```
 *
 * @category annotations
 */
export class Namespace extends Context.Service<Namespace, {
  /** Letters, digits, `_` and `-`. */
  readonly name: string
  /** For the model. Servers before 0.150 have a text of their own. */
  readonly description: string
}>()("effect-codex/Tools/Namespace") {}

/**
 * Annotation: the model is not told of the tool up front, but may find it by searching, which saves context when there are
 * many. Needs a {@link Namespace}, and a model that can search for tools. Default: false.
 *
 * @category annotations
 */
export const DeferLoading: Context.Reference<boolean> = Context.Reference("effect-codex/Tools/DeferLoading", {
  defaultValue: () => false
})

/**
 * Annotation: how long a call may take. Then its handler is interrupted, and the model is told. Default: as long as the
 * turn lives.
 *
 * @category annotations
 */
export const Timeout: Context.Reference<Duration.Input> = Context.Reference<Duration.Input>(
  "effect-codex/Tools/Timeout",
  {
    defaultValue: () => Duration.infinity
  }
)

// ---------------------------------------------------------------------------------------------------------------------
// The option `tools`
// ---------------------------------------------------------------------------------------------------------------------

/** Tools by name. */
export type ByName = Record<string, Tool.Any>

/**
 * Tools with their handlers: a `Toolkit`, whose handlers are then required as services, or what running one gives.
 *
 * @category models
 */
export type Input<T extends ByName, R = never> =
  | Toolkit.WithHandler<T>
  | Effect.Effect<Toolkit.WithHandler<T>, never, R>

/** What calls of the tools require, beside what their handlers were built with. */
export type Services<T extends ByName> = Tool.HandlerServices<T[keyof T]>

/** What tools come to: what the server is told, and who answers the calls. */
export interface Prepared<in out R> {
  /** What the server is told of the tools. */
  readonly dynamicTools: ReadonlyArray<Protocol.DynamicToolSpec>
  /** Decodes a call, runs the handler of its tool, and encodes the result. */
  readonly handler: Handler<"item/tool/call", R>
}

/** Effect's modules for AI, loaded when they are needed: who has a toolkit has loaded them already. */
const load = Effect.promise(async () => {
  const [AiError, Tool, Toolkit] = await Promise.all([
    import("effect/ai/AiError"),
    import("effect/ai/Tool"),
    import("effect/ai/Toolkit")
  ])
  return { AiError, Tool, Toolkit }
})

type Ai = Effect.Success<typeof load>

/**
 * Prepares tools for a thread. Calls of tools that are not among them go to `otherwise`.
 *
 * Fails for what can't be offered to the agent: tools of another provider, tools that ask for approval, parameters that
 * are no object.
 */
export const make = Effect.fnUntraced(function*<T extends ByName, RT, R>(
  input: Input<T, RT>,
  otherwise: Handler<"item/tool/call", R>,
  serverVersion: string
): Effect.fn.Return<Prepared<R | Services<T>>, InvalidInputError, RT> {
  const ai = yield* load
  const toolkit = Effect.isEffect(input) ? yield* input : input
  // Tools are looked up by the names that the server sends, which the types of `handle` can't follow.
  const handle = toolkit.handle as Handle<Services<T>>
  const calls = new Map<string, Call<Services<T>>>()
  const specs: Array<Spec> = []
  // Later servers take groups of tools, and results to be heard.
  const old = !ServerVersion.isAtLeast(serverVersion, "0.150.0")
  for (const tool of Object.values(toolkit.tools)) {
    specs.push(yield* describe(ai, tool))
    calls.set(tool.name, makeCall(ai, tool, handle, { audio: !old }))
  }
  const shadowed = specs.flatMap(({ name, namespace }) => namespace === undefined && ofCodex.has(name) ? [name] : [])
  if (shadowed.length > 0) {
    yield* Effect.logWarning(
      `Codex has tools named ${shadowed.join(", ")}, and where it offers its own, the model does not see yours. `
        + "Give them other names, or a Tools.Namespace."
    )
  }
  return {
    dynamicTools: old ? flat(specs) : inNamespaces(specs),
    handler: (params, context) => {
      const call = calls.get(params.tool)
      return call !== undefined && call.namespace === (params.namespace ?? undefined)
        ? call.run(params)
        : otherwise(params, context)
    }
  }
})

/** Tools of Codex 0.169 that hide others of their names. Which of them it offers depends on model and configuration. */
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

// ---------------------------------------------------------------------------------------------------------------------
// What the server is told
// ---------------------------------------------------------------------------------------------------------------------

/** A tool, with the namespace that it goes into. */
type Spec = Protocol.FunctionDynamicToolSpec & { readonly namespace: Namespace["Service"] | undefined }

const describe = (ai: Ai, tool: Tool.Any): Effect.Effect<Spec, InvalidInputError> => {
  const refuse = (detail: string) =>
    Effect.fail(new InvalidInputError({ field: "tools", detail: `the tool ${tool.name} ${detail}` }))
  if (ai.Tool.isProviderDefined(tool)) {
    return refuse("is one of a model provider, which Codex can't be given; Codex has its own, see its configuration")
  }
  if (tool.needsApproval !== undefined && tool.needsApproval !== false) {
    return refuse("asks for approval (needsApproval), which Codex does not know of its tools; ask in its handler")
  }
  const namespace = Option.getOrUndefined(Context.getOption(tool.annotations, Namespace))
  const deferLoading = Context.get(tool.annotations, DeferLoading)
  if (deferLoading && namespace === undefined) {
    return refuse("has the annotation Tools.DeferLoading, which needs a Tools.Namespace beside it")
  }
  const formless = ai.Tool.isDynamic(tool) && tool.jsonSchema !== undefined
    ? undefined
    : placeWithoutJson(tool.parametersSchema.ast)
  if (formless !== undefined) {
    return refuse(
      `has a parameter without a form in JSON, at ${formless}: `
        + "give it a type that has one, or its Schema the annotation toCodecJson"
    )
  }
  return Effect.flatMap(
    Effect.try({
      try: () => jsonSchemaOf(ai, tool),
      catch: (error) =>
        new InvalidInputError({
          field: "tools",
          detail: `the parameters of the tool ${tool.name} have no JSON Schema (${error})`
        })
    }),
    (inputSchema) =>
      inputSchema["type"] === "object"
        ? Effect.succeed({
          type: "function",
          name: tool.name,
          description: ai.Tool.getDescription(tool) ?? "",
          // A JSON Schema is JSON, which its type does not say.
          inputSchema: inputSchema as Protocol.JsonObject,
          ...(deferLoading ? { deferLoading } : {}),
          namespace
        })
        : refuse("must have an object for its parameters, such as a Schema.Struct")
  )
}

/** The path to the first place where a Schema's encoded side has no form in JSON, such as an instance of a class. */
const placeWithoutJson = (root: SchemaAST.AST): string | undefined => {
  const seen = new Set<SchemaAST.AST>()
  const first = (asts: ReadonlyArray<SchemaAST.AST>, path: (index: number) => string): string | undefined => {
    for (const [index, ast] of asts.entries()) {
      const found = visit(ast, path(index))
      if (found !== undefined) return found
    }
    return undefined
  }
  const visit = (ast: SchemaAST.AST, path: string): string | undefined => {
    if (seen.has(ast)) return undefined
    seen.add(ast)
    switch (ast._tag) {
      case "Declaration":
        return ast.annotations?.["toCodecJson"] === undefined && ast.annotations?.["toCodec"] === undefined
          ? path
          : first(ast.typeParameters.map(SchemaAST.toEncoded), () => path)
      case "Objects": {
        const { indexSignatures, propertySignatures } = ast
        const key = (index: number) => JSON.stringify(String(propertySignatures[index]!.name))
        return first(propertySignatures.map(({ type }) => type), (index) => `${path}[${key(index)}]`)
          ?? first(indexSignatures.map(({ type }) => type), () => `${path}[]`)
      }
      case "Arrays":
        return first(ast.elements, (index) => `${path}[${index}]`) ?? first(ast.rest, () => `${path}[]`)
      case "Union":
        return first(ast.types, () => path)
      case "Suspend":
        return visit(ast.thunk(), path)
      default:
        return undefined
    }
  }
  return visit(SchemaAST.toEncoded(root), "")
}

/** The JSON Schema of a tool's parameters, with its root in place. */
const jsonSchemaOf = (ai: Ai, tool: Tool.Any): JsonSchema.JsonSchema => {
  if (ai.Tool.isDynamic(tool) && tool.jsonSchema !== undefined) return tool.jsonSchema
  const { definitions, schema } = Schema.toJsonSchemaDocument(tool.parametersSchema, {
    onExcessProperty: "error",
    // The server drops what it has no keyword for, so constraints are said in words.
    generateDescriptions: true
  })
  const root = typeof schema["$ref"] === "string" ? definitions[nameOf(schema["$ref"])] : schema
  return adapted(Object.keys(definitions).length === 0 ? { ...root } : { ...root, $defs: definitions })
}

/**
 * In the keywords that the server passes on to the model: a tuple as an array of what its items may be (else it becomes one
 * of strings), what `allOf` adds in the place itself.
 */
const adapted = (schema: JsonSchema.JsonSchema): JsonSchema.JsonSchema =>
  JSON.parse(JSON.stringify(schema, (_, value) => {
    if (Array.isArray(value?.prefixItems) && value.items === undefined) {
      return { ...value, items: { anyOf: value.prefixItems } }
    }
    if (!Array.isArray(value?.allOf)) return value
    const { allOf, ...rest } = value
    const descriptions = [rest, ...allOf].flatMap(({ description }) => description ?? [])
    return { ...Object.assign(rest, ...allOf), description: descriptions.join(", ") }
  }))

const inNamespaces = (specs: ReadonlyArray<Spec>): ReadonlyArray<Protocol.DynamicToolSpec> => {
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

/** As servers before 0.150 read it: the namespace's name at each tool. */
const flat = (specs: ReadonlyArray<Spec>): ReadonlyArray<Protocol.DynamicToolSpec> =>
  specs.map(({ namespace, ...spec }) => namespace === undefined ? spec : { ...spec, namespace: namespace.name })

// ---------------------------------------------------------------------------------------------------------------------
// Calls
// ---------------------------------------------------------------------------------------------------------------------

type Params = Protocol.DynamicToolCallParams

type ToolResponse = Response<"item/tool/call">

type Handle<R> = (
  name: string,
  params: unknown,
  toolCallId: string,
  options: { readonly errors: "all" }
) => Effect.Effect<Stream.Stream<Tool.HandlerResult<Tool.Any>, unknown, R>, AiError, R>

interface Call<R> {
  readonly namespace: string | undefined
  readonly run: (params: Params) => Effect.Effect<ToolResponse, never, R>
}

/** JSON to and from the encoded side of a Schema, where the handlers of a toolkit begin and end. */
const jsonOf = (schema: Schema.Constraint) => Schema.toCodecJson(Schema.toEncoded(schema))

const makeCall = <R>(ai: Ai, tool: Tool.Any, handle: Handle<R>, takes: { readonly audio: boolean }): Call<R> => {
  const decode = ai.Tool.isDynamic(tool) && tool.jsonSchema !== undefined
    ? Effect.succeed<unknown>
    : Schema.decodeUnknownEffect(jsonOf(tool.parametersSchema), { errors: "all" })
  const encodeSuccess = Schema.encodeUnknownEffect(jsonOf(tool.successSchema))
  // What it requires is part of what the tool does.
  const encodeFailure = Schema.encodeUnknownEffect(Schema.toCodecJson(tool.failureSchema)) as (
    error: unknown
  ) => Effect.Effect<unknown, Schema.SchemaError, R>
  const timeout = Duration.fromInputUnsafe(Context.get(tool.annotations, Timeout))

  /** What the model is told of a failure. Undefined for one that is not the model's business. */
  const reasonOf = (error: unknown, origin: Tool.FailureOrigin): Effect.Effect<string | undefined, never, R> => {
    if (origin === "result") return Effect.succeed(undefined)
    if (ai.AiError.isAiError(error)) return Effect.succeed(error.reason.message)
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

  const run = Effect.fnUntraced(function*({ arguments: json, callId }: Params) {
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

  return {
    namespace: Option.getOrUndefined(Context.getOption(tool.annotations, Namespace))?.name,
    run: (params) =>
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
          const origin = Context.get(Cause.reasonAnnotations(fail.success), ai.Toolkit.FailureOrigin)
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
}

const text = (text: string): Protocol.InputTextDynamicToolCallOutputContentItem => ({ type: "inputText", text })

/** The model sees the text alone, not the flag. */
const failure = (message: string): ToolResponse => ({ success: false, contentItems: [text(message)] })

const textOf = (json: unknown): string =>
  typeof json === "string" ? json : json === undefined || json === null ? "Done." : JSON.stringify(json)

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

/** Keeps the arguments of a call, which a toolkit writes to the current span, out of it: they may hold secrets. */
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
