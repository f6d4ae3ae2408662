/**
 * What the scripted model answers to one request, as plain data.
 *
 * ```ts
 * Reply.text("hello")
 * Reply.message({ deltas: ["hel", "lo"], phase: "final_answer" })
 * Reply.functionCall({ name: "exec_command", arguments: { cmd: "ls" } })
 * Reply.make([Item.reasoning({ text: "hm" }), Item.message({ text: "yes" })], { usage: { inputTokens: 12 } })
 * Reply.failed({ code: "rate_limit_exceeded", message: "slow down" })
 * Reply.httpError(503, "busy")
 * Reply.after(gate, Reply.text("at last"))
 * Reply.hang
 * ```
 */
import * as Duration from "effect/Duration"
import * as Item from "./Item.ts"
import * as Step from "./Step.ts"

/** One answer: a stream of events, or a plain HTTP response instead of one. */
export type Reply = Events | HttpError

/** A stream of server-sent events. Built by {@link make} and its short forms. */
export interface Events {
  readonly _tag: "Events"
  /** What happens before anything is sent. */
  readonly before: ReadonlyArray<Step.Step>
  /** Items, and steps between them. */
  readonly parts: ReadonlyArray<Item.Item | Step.Step>
  /** How the stream ends. */
  readonly end: { readonly _tag: "Completed"; readonly usage: Usage } | {
    readonly _tag: "Failed"
    readonly error: Failure
  }
  /** How long to wait before each event after the first; undefined for not at all. */
  readonly pace: Duration.Duration | undefined
}

/** An HTTP status and a body. Built by {@link httpError}. */
export interface HttpError {
  readonly _tag: "HttpError"
  /** What happens before anything is sent. */
  readonly before: ReadonlyArray<Step.Step>
  /** The HTTP status. */
  readonly status: number
  /** The body, verbatim. */
  readonly body: string
  /** Further headers of the response, by their lower-case names. */
  readonly headers: { readonly [name: string]: string }
}

/**
 * The tokens of one reply. The names are those of the app-server's `thread/tokenUsage/updated`, so that a test compares
 * what it scripted with what it got.
 */
export interface Usage {
  /** All tokens of the input, with the cached ones. */
  readonly inputTokens: number
  /** How many of the input's tokens came from the cache. */
  readonly cachedInputTokens: number
  /** All tokens of the output, with those of the reasoning. */
  readonly outputTokens: number
  /** How many of the output's tokens were reasoning. */
  readonly reasoningOutputTokens: number
  /** By default input plus output. */
  readonly totalTokens: number
}

/** Why the model says that it failed. */
export interface Failure {
  /** The model's code, e.g. `rate_limit_exceeded`. */
  readonly code: string
  /** The model's message. */
  readonly message: string
}

/** Options of {@link make}. */
export interface Options {
  /** The tokens to report; what is left out is 0, and the total is the sum. */
  readonly usage?: Partial<Usage>
  /** Ends the stream with `response.failed` instead of `response.completed`. */
  readonly failed?: Failure
  /** Waits that long before each event after the first. */
  readonly pace?: Duration.Input
}

/**
 * A reply of any number of items, in order, with steps between them. It begins with `response.created` and ends with
 * `response.completed` or, with the option `failed`, with `response.failed`; a step that never goes on ends it sooner.
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

/** One message, in one delta. */
export const text = (text: string, options?: Options): Events => make([Item.message({ text })], options)

/** One message, with its deltas and phase: see `Item.message`. */
export const message = (message: Item.MessageOptions, options?: Options): Events =>
  make([Item.message(message)], options)

/** One call of a function: see `Item.functionCall`. Codex runs it and comes back with another request. */
export const functionCall = (call: Item.FunctionCallOptions, options?: Options): Events =>
  make([Item.functionCall(call)], options)

/**
 * The model gives up: the stream begins, then `response.failed`.
 *
 * Codex knows some codes; in 0.169 they become these `codexErrorInfo`: `server_is_overloaded` `serverOverloaded`,
 * `rate_limit_exceeded` `rateLimitExceeded`, `context_length_exceeded` `contextWindowExceeded`, `insufficient_quota`
 * `usageLimitExceeded`; any other one is `other`. The thread of a `context_length_exceeded` counts as full from then on:
 * its next turn compacts first.
 */
export const failed = (failed: Failure): Events => make([], { failed })

/**
 * No stream, but an HTTP status (200 to 599) with that body, and headers such as those of a rate limit:
 * `x-codex-primary-used-percent`, `x-codex-primary-reset-at`.
 *
 * In 0.169, without retries, 500 becomes the `codexErrorInfo` `internalServerError`, 429 `responseTooManyFailedAttempts`,
 * 401 `httpConnectionFailed`, 400 `other` with the body as its message.
 */
export const httpError = (status: number, body = "", headers: HttpError["headers"] = {}): HttpError => ({
  _tag: "HttpError",
  before: [],
  status,
  body,
  headers
})

/** Takes the request and never says a word, until the client disconnects. */
export const hang: Events = make([Step.hang])

/** Takes the request and breaks the connection. To break it later, put `Step.cut` into a reply. */
export const cut: Events = make([Step.cut])

/**
 * The same reply, held back until the step is over: not even the HTTP status is sent before.
 *
 * ```ts
 * Reply.after(gate, Reply.httpError(500))
 * ```
 */
export const after = <R extends Reply>(step: Step.Step, reply: R): R => ({ ...reply, before: [step, ...reply.before] })
