/**
 * Scripted replies; the public module `Reply` describes them.
 */
import * as Duration from "effect/Duration"
import * as Item from "./Item.ts"
import * as Step from "./Step.ts"

/** A reply: a stream of events, or a plain HTTP response. */
export type Reply = Events | HttpError

/** A stream of server-sent events. Create one with {@link make} or its short forms. */
export interface Events {
  readonly _tag: "Events"
  /** The steps before anything is sent. */
  readonly before: ReadonlyArray<Step.Step>
  /** The items, with steps between them. */
  readonly parts: ReadonlyArray<Item.Item | Step.Step>
  /** The end of the stream: completed or failed. */
  readonly end: { readonly _tag: "Completed"; readonly usage: Usage } | {
    readonly _tag: "Failed"
    readonly error: Failure
  }
  /** The time to wait before each event after the first. `undefined` for no wait. */
  readonly pace: Duration.Duration | undefined
}

/** An HTTP status and a body. Create one with {@link httpError}. */
export interface HttpError {
  readonly _tag: "HttpError"
  /** The steps before anything is sent. */
  readonly before: ReadonlyArray<Step.Step>
  /** The HTTP status. */
  readonly status: number
  /** The body, verbatim. */
  readonly body: string
  /** Further response headers, with names in lower case. */
  readonly headers: { readonly [name: string]: string }
}

/**
 * The token usage of a reply. The names are those of the app-server's `thread/tokenUsage/updated`, so that a test can
 * compare the two.
 */
export interface Usage {
  /** All input tokens, including cached ones. */
  readonly inputTokens: number
  /** The input tokens that came from the cache. */
  readonly cachedInputTokens: number
  /** All output tokens, including reasoning. */
  readonly outputTokens: number
  /** The output tokens that were reasoning. */
  readonly reasoningOutputTokens: number
  /** All tokens. Default: input plus output. */
  readonly totalTokens: number
}

/** The error that a failing model reports. */
export interface Failure {
  /** The error code, such as `rate_limit_exceeded`. */
  readonly code: string
  /** The error message. */
  readonly message: string
}

/** Options of {@link make}. */
export interface Options {
  /** The tokens to report. Default of each field: 0; of the total: the sum. */
  readonly usage?: Partial<Usage>
  /** The error with which the stream ends (`response.failed`). Default: it ends with `response.completed`. */
  readonly failed?: Failure
  /** The time to wait before each event after the first. Default: no wait. */
  readonly pace?: Duration.Input
}

/**
 * A reply with any number of items, in order, and steps between them. It begins with `response.created`. It ends with
 * `response.completed`, with `response.failed` if you set the option `failed`, or earlier at a step that never continues.
 *
 * ```ts
 * Reply.make([Item.message({ text: "one" }), gate, Item.message({ text: "two" })], { usage: { outputTokens: 2 } })
 * ```
 */
export const make = (parts: ReadonlyArray<Item.Item | Step.Step>, options: Options = {}): Events => {
  const usage = { inputTokens: 0, cachedInputTokens: 0, outputTokens: 0, reasoningOutputTokens: 0, ...options.usage }
  return {
    _tag: "Events",
    before: [],
    parts,
    end: options.failed === undefined
      ? { _tag: "Completed", usage: { totalTokens: usage.inputTokens + usage.outputTokens, ...usage } }
      : { _tag: "Failed", error: options.failed },
    pace: options.pace === undefined ? undefined : Duration.fromInputUnsafe(options.pace)
  }
}

/** A reply with one message in one delta. */
export const text = (text: string, options?: Options): Events => make([Item.message({ text })], options)

/** A reply with one message, with its deltas and phase: see `Item.message`. */
export const message = (message: Item.MessageOptions, options?: Options): Events =>
  make([Item.message(message)], options)

/** A reply with one call to a function tool: see `Item.functionCall`. Codex runs it and sends another request. */
export const functionCall = (call: Item.FunctionCallOptions, options?: Options): Events =>
  make([Item.functionCall(call)], options)

/**
 * A reply that fails: the stream begins, then ends with `response.failed`.
 *
 * Codex 0.169 maps the code to the turn's `codexErrorInfo`: `server_is_overloaded` to `serverOverloaded`,
 * `rate_limit_exceeded` to `rateLimitExceeded`, `context_length_exceeded` to `contextWindowExceeded`,
 * `insufficient_quota` to `usageLimitExceeded`, and every other code to `other`. After `context_length_exceeded` Codex
 * considers the thread full: its next turn starts with a compaction.
 */
export const failed = (failed: Failure): Events => make([], { failed })

/**
 * A reply that is a plain HTTP response, with a status (200 to 599), a body, and headers such as those of a rate limit:
 * `x-codex-primary-used-percent`, `x-codex-primary-reset-at`.
 *
 * Without retries, Codex 0.169 maps the status to the turn's `codexErrorInfo`: 500 to `internalServerError`, 429 to
 * `responseTooManyFailedAttempts`, 401 to `httpConnectionFailed`, and 400 to `other`, with the body as its message.
 */
export const httpError = (status: number, body = "", headers: HttpError["headers"] = {}): HttpError => ({
  _tag: "HttpError",
  before: [],
  status,
  body,
  headers
})

/** A reply that accepts the request and sends nothing, until the client disconnects. */
export const hang: Events = make([Step.hang])

/** A reply that accepts the request and breaks the connection. To break it later, put `Step.cut` into a reply. */
export const cut: Events = make([Step.cut])

/**
 * Delays a reply until a step is over. Nothing is sent before that, not even the HTTP status.
 *
 * ```ts
 * Reply.after(gate, Reply.httpError(500))
 * ```
 */
export const after = <R extends Reply>(step: Step.Step, reply: R): R => ({ ...reply, before: [step, ...reply.before] })
