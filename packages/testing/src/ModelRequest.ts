/**
 * What Codex asked the scripted model: one recorded request of the Responses API, with the questions tests have.
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

/** An object of which only the parts asked for are looked at. */
export type JsonObject = { readonly [key: string]: unknown }

const JsonObject = Schema.Record(Schema.String, Schema.Unknown)

/** The body of a request: the fields with a known shape, and whatever else Codex sends. */
export interface Body extends JsonObject {
  /** The model that was asked for. */
  readonly model: string
  /** The conversation so far: messages, calls of tools, their outputs. */
  readonly input: ReadonlyArray<JsonObject>
  /** The base instructions, where they have a field of their own. */
  readonly instructions?: string
  /** The tools on offer, where they have a field of their own. */
  readonly tools?: ReadonlyArray<JsonObject>
}

/** Reads a body from JSON text; fails with a `SchemaError` if it is no request of the Responses API. */
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
 * How an exchange ended: the whole reply was written, or the connection was closed before (the client disconnected, the
 * script cut it, the model's scope closed).
 */
export type Outcome = "answered" | "aborted"

/** One request, as it came. */
export class ModelRequest {
  /** Counts the requests of this model from 0: the reply enqueued as number n answers request n. */
  readonly index: number
  /** The path, e.g. `/v1/responses`. */
  readonly path: string
  /** The headers, with names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  /** The parsed body, whole. */
  readonly body: Body
  /** Ends when the exchange has ended, and tells how. */
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

  /** The model that was asked for. */
  get model(): string {
    return this.body.model
  }

  /** The thread that asks; `undefined` if the client is no Codex or an older one. */
  get threadId(): string | undefined {
    return this.headers["thread-id"]
  }

  /** The thread that has spawned the asking one as a sub-agent; `undefined` if it is none. */
  get parentThreadId(): string | undefined {
    return this.headers["x-codex-parent-thread-id"]
  }

  /** The turn that asks. */
  get turnId(): string | undefined {
    return this.metadata.turn_id
  }

  /** What the request is for: `turn`, `compaction`, and whatever else Codex has a word for. */
  get kind(): string | undefined {
    return this.metadata.request_kind
  }

  private get metadata(): typeof Metadata.Type {
    return Option.getOrElse(decodeMetadata(this.headers["x-codex-turn-metadata"]), () => ({}))
  }

  /** The base instructions, if they come in a field of their own; else they are the first of `texts("developer")`. */
  get instructions(): string | undefined {
    return this.body.instructions
  }

  /**
   * The names of the tools on offer: function tools and custom ones, by name; built-in ones such as `web_search`, by
   * type; those of a namespace as `namespace.name`. They come in `body.tools` or, for newer models, in an item of the
   * input; both are read.
   */
  get toolNames(): ReadonlyArray<string> {
    const additional = this.inputItems("additional_tools").flatMap((item) => objects(item.tools))
    return [...this.body.tools ?? [], ...additional].flatMap((tool) => {
      const name = String(tool.name ?? tool.type)
      return tool.type === "namespace" ? objects(tool.tools).map((inner) => `${name}.${inner.name}`) : [name]
    })
  }

  /** What the answer has to look like, when an output schema is set: `{ type: "json_schema", strict, name, schema }`. */
  get outputFormat(): JsonObject | undefined {
    const text = this.body.text
    return Predicate.isObject(text) && Predicate.hasProperty(text, "format") && Predicate.isObject(text.format)
      ? text.format as JsonObject
      : undefined
  }

  /** The items of the input that have this type, e.g. `message` or `function_call_output`. */
  inputItems(type: string): ReadonlyArray<JsonObject> {
    return this.body.input.filter((item) => item.type === type)
  }

  /** The texts of all messages of a role: `user`, `assistant`, `developer`. One entry for each piece of text. */
  texts(role: string): ReadonlyArray<string> {
    return this.inputItems("message").filter((item) => item.role === role).flatMap((item) => texts(item.content))
  }

  /** What the user said so far, in order. The context that Codex adds, such as `<environment_context>`, is among it. */
  get userTexts(): ReadonlyArray<string> {
    return this.texts("user")
  }

  /** What the user said last. */
  get lastUserText(): string | undefined {
    return this.userTexts.at(-1)
  }

  /** The URLs of the images the user sent, in order; local images arrive as `data:` URLs. */
  get imageUrls(): ReadonlyArray<string> {
    return this.inputItems("message").flatMap((item) => objects(item.content)).flatMap((content) =>
      content.type === "input_image" ? [String(content.image_url)] : []
    )
  }

  /**
   * What a tool answered, as the model sees it: the output of that call, or of the last one when no id is given.
   * `undefined` when there is none. Several pieces of text are joined by line breaks.
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
