/**
 * A request that Codex sent to the scripted model through the Responses API, with accessors for what tests assert.
 *
 * ```ts
 * const request = yield* model.awaitRequest(0)
 * assert.strictEqual(request.lastUserText, "Say hello")
 * assert.include(request.toolNames, "exec_command")
 * ```
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"

/** A JSON object. Its values are not validated. */
export type JsonObject = { readonly [key: string]: unknown }

const JsonObject = Schema.Record(Schema.String, Schema.Unknown)

/** The body of a request: the fields with a known shape, and all other fields that Codex sends. */
export interface Body extends JsonObject {
  /** The requested model. */
  readonly model: string
  /** The conversation so far: messages, tool calls and their outputs. */
  readonly input: ReadonlyArray<JsonObject>
  /** The base instructions, if Codex sends them in a field of their own. */
  readonly instructions?: string
  /** The available tools, if Codex sends them in a field of their own. */
  readonly tools?: ReadonlyArray<JsonObject>
}

/** Decodes a body from JSON text. Fails with a `SchemaError` if the text is not a request of the Responses API. */
export const decodeBody: (text: string) => Effect.Effect<Body, Schema.SchemaError> = Schema.decodeEffect(
  Schema.fromJsonString(Schema.StructWithRest(
    Schema.Struct({
      model: Schema.String,
      input: Schema.Array(JsonObject),
      instructions: Schema.optionalKey(Schema.String),
      tools: Schema.optionalKey(Schema.Array(JsonObject))
    }),
    [JsonObject]
  ))
)

const Metadata = Schema.Struct({
  turn_id: Schema.optionalKey(Schema.String),
  request_kind: Schema.optionalKey(Schema.String)
})

const decodeMetadata = Schema.decodeUnknownOption(Schema.fromJsonString(Metadata))

/**
 * The outcome of a request: `answered` if the whole reply was written, `aborted` if the connection closed first because
 * the client disconnected, the script cut it, or the model's scope closed.
 */
export type Outcome = "answered" | "aborted"

/** A recorded request. */
export class ModelRequest {
  /** The number of the request, counted from 0. The enqueued reply with the same number answers it. */
  readonly index: number
  /** The path, such as `/v1/responses`. */
  readonly path: string
  /** The headers, with names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The whole parsed body. */
  readonly body: Body
  /** Waits until the request is over and returns its outcome. */
  readonly outcome: Effect.Effect<Outcome>

  constructor(options: {
    readonly index: number
    readonly path: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: Body
    readonly outcome: Effect.Effect<Outcome>
  }) {
    this.index = options.index
    this.path = options.path
    this.headers = options.headers
    this.body = options.body
    this.outcome = options.outcome
  }

  /** The requested model. */
  get model(): string {
    return this.body.model
  }

  /** The id of the thread that sent the request. `undefined` if the client is not Codex, or an older version. */
  get threadId(): string | undefined {
    return this.headers["thread-id"]
  }

  /** The thread that spawned the asking one as a sub-agent, or `undefined` if it is not a sub-agent. */
  get parentThreadId(): string | undefined {
    return this.headers["x-codex-parent-thread-id"]
  }

  /** The id of the turn that sent the request. */
  get turnId(): string | undefined {
    return this.metadata.turn_id
  }

  /** The kind of request, such as `turn` or `compaction`, as Codex names it. */
  get kind(): string | undefined {
    return this.metadata.request_kind
  }

  private get metadata(): typeof Metadata.Type {
    return Option.getOrElse(decodeMetadata(this.headers["x-codex-turn-metadata"]), () => ({}))
  }

  /** The base instructions, if they have a field of their own. Otherwise they are the first of `texts("developer")`. */
  get instructions(): string | undefined {
    return this.body.instructions
  }

  /**
   * The names of the available tools. A built-in tool such as `web_search` is named by its type, and a tool in a namespace
   * as `namespace.name`. Codex sends tools in `body.tools` or, for newer models, in an input item; this reads both.
   */
  get toolNames(): ReadonlyArray<string> {
    const additional = this.inputItems("additional_tools").flatMap((item) => objects(item.tools))
    return [...this.body.tools ?? [], ...additional].flatMap((tool) => {
      const name = String(tool.name ?? tool.type)
      return tool.type === "namespace" ? objects(tool.tools).map((inner) => `${name}.${inner.name}`) : [name]
    })
  }

  /** The required format of the answer, if an output schema is set: `{ type: "json_schema", strict, name, schema }`. */
  get outputFormat(): JsonObject | undefined {
    const text = this.body.text
    return Predicate.isObject(text) && Predicate.hasProperty(text, "format") && Predicate.isObject(text.format)
      ? text.format as JsonObject
      : undefined
  }

  /** Returns the input items of a type, such as `message` or `function_call_output`. */
  inputItems(type: string): ReadonlyArray<JsonObject> {
    return this.body.input.filter((item) => item.type === type)
  }

  /** Returns the texts of all messages of a role (`user`, `assistant`, `developer`), with one entry per piece of text. */
  texts(role: string): ReadonlyArray<string> {
    return this.inputItems("message").filter((item) => item.role === role).flatMap((item) => texts(item.content))
  }

  /** The texts of the user so far, in order. They include context that Codex adds, such as `<environment_context>`. */
  get userTexts(): ReadonlyArray<string> {
    return this.texts("user")
  }

  /** The last text of the user. */
  get lastUserText(): string | undefined {
    return this.userTexts.at(-1)
  }

  /** The URLs of the images in the input, in order. Local images arrive as `data:` URLs. */
  get imageUrls(): ReadonlyArray<string> {
    return this.inputItems("message").flatMap((item) => objects(item.content)).flatMap((content) =>
      content.type === "input_image" ? [String(content.image_url)] : []
    )
  }

  /**
   * Returns the output of a tool call as the model sees it: of the call with that id, or of the last call if you pass none.
   * Returns `undefined` if there is no output. Several pieces of text are joined by line breaks.
   */
  toolOutput(callId?: string): string | undefined {
    const output = this.body.input.findLast((item) =>
      (item.type === "function_call_output" || item.type === "custom_tool_call_output")
      && (callId === undefined || item.call_id === callId)
    )
    return output === undefined ? undefined : texts(output.output).join("\n")
  }
}

const objects = (value: unknown): ReadonlyArray<JsonObject> =>
  Array.isArray(value) ? value.filter((item): item is JsonObject => Predicate.isObject(item)) : []

const texts = (content: unknown): ReadonlyArray<string> =>
  Predicate.isString(content) ? [content] : objects(content).map((item) => item.text).filter(Predicate.isString)
