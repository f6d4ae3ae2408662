/**
 * Every error that a user of this package can meet.
 *
 * Each is a tagged value: catch one by name with `Effect.catchTag`, ask {@link isRetryable} whether trying again can
 * help, or match on the union {@link CodexError}. The message says what happened, to which thread and turn, and what to
 * do next.
 */
import * as Protocol from "@effect-codex/protocol/Protocol"
import * as Duration from "effect/Duration"
import * as Schema from "effect/Schema"
import { failureKind, failureStatus, RpcReason } from "./Refusal.ts"
import { TurnResult } from "./TurnResult.ts"

export { RpcReason, rpcReason } from "./Refusal.ts"

/** Joins the parts of a message that are there. */
const sentence = (...parts: ReadonlyArray<string | undefined | null | false>): string =>
  parts.filter((part) => part !== undefined && part !== null && part !== false && part !== "").join(" ")

/** What a person reads of a text of any length: its beginning, at most `max` characters. */
const excerpt = (text: string, max: number): string => text.length <= max ? text : `${text.slice(0, max)}… (shortened)`

/** Ends a sentence that may have ended already. */
const ended = (text: string): string => /[.!?]$/.test(text) ? text : `${text}.`

const where = (threadId?: string, turnId?: string): string | undefined =>
  threadId === undefined
    ? turnId === undefined ? undefined : `(turn ${turnId})`
    : turnId === undefined
    ? `(thread ${threadId})`
    : `(thread ${threadId}, turn ${turnId})`

const how = (exitCode?: number | null, signal?: string | null): string | undefined =>
  typeof signal === "string"
    ? `it was ended by ${signal}`
    : typeof exitCode === "number"
    ? `it exited with code ${exitCode}`
    : undefined

const lastWords = (stderr: string): string | undefined =>
  stderr.trim() === "" ? undefined : `Its last words on standard error:\n${stderr.trimEnd()}`

/** Fields shared by errors that belong to one thread or turn. */
const place = {
  /** The thread concerned, when there is one. */
  threadId: Schema.optionalKey(Schema.String),
  /** The turn concerned, when there is one. */
  turnId: Schema.optionalKey(Schema.String)
}

// ---------------------------------------------------------------------------------------------------------------------
// The process and the connection
// ---------------------------------------------------------------------------------------------------------------------

const spawnHints = {
  NotFound:
    "Install it with `npm install @openai/codex`, or say where it is: the option `codexPath`, or the environment variable CODEX_PATH.",
  NotExecutable: "Make the file executable, or point `codexPath` at the native codex binary.",
  BadCwd: "The option `cwd` must name a directory that exists and can be entered.",
  Exited:
    "Run the command in a terminal to see why it stops at once; check `args` and the configuration in CODEX_HOME.",
  Other: "A `config` or `env` that is too long (E2BIG), or too many processes or open files, are the usual reasons."
} as const

/**
 * The app-server process could not be started, or ended before it answered the handshake.
 *
 * `reason` tells which: `NotFound` (no binary), `NotExecutable` (no permission, a directory, or not a program), `BadCwd`,
 * `Exited` (it started, and ended again at once), `Other`.
 *
 * @category errors
 */
export class CodexSpawnError extends Schema.TaggedError<CodexSpawnError>("effect-codex/CodexSpawnError")(
  "CodexSpawnError",
  {
    reason: Schema.Literals(["NotFound", "NotExecutable", "BadCwd", "Exited", "Other"]),
    /** The program that was to be started, or a list of the places that were searched for one. */
    command: Schema.String,
    /** What was seen, in words. */
    detail: Schema.String,
    /** The exit code, when the process ended by itself. */
    exitCode: Schema.optionalKey(Schema.NullOr(Schema.Number)),
    /** The name of the signal that ended the process. */
    signal: Schema.optionalKey(Schema.NullOr(Schema.String)),
    /** The last lines that the process wrote to standard error. */
    stderr: Schema.optionalKey(Schema.String),
    cause: Schema.optionalKey(Schema.Defect())
  }
) {
  override get message(): string {
    const end = how(this.exitCode, this.signal)
    return sentence(
      ended(
        `Could not start the Codex app-server (${this.command}): ${this.detail}${end === undefined ? "" : `; ${end}`}`
      ),
      spawnHints[this.reason],
      lastWords(this.stderr ?? "")
    )
  }
}

/**
 * The process runs, but the `initialize` handshake failed: no answer in time, an error, or an answer without the metadata
 * that a Codex app-server gives.
 *
 * @category errors
 */
export class CodexHandshakeError extends Schema.TaggedError<CodexHandshakeError>("effect-codex/CodexHandshakeError")(
  "CodexHandshakeError",
  {
    /** What was wrong with the handshake. */
    detail: Schema.String,
    /** The last lines that the process wrote to standard error. */
    stderr: Schema.optionalKey(Schema.String),
    cause: Schema.optionalKey(Schema.Defect())
  }
) {
  override get message(): string {
    return sentence(
      ended(`The handshake with the Codex app-server failed: ${this.detail}`),
      "Check that the program started is `codex app-server` of a supported version; a slow machine may need a longer `handshakeTimeout`.",
      lastWords(this.stderr ?? "")
    )
  }
}

/**
 * The connection to the app-server is gone. It reaches everything that waited, and every later call fails with the same
 * error at once (unless the option `restart` brings a new process).
 *
 * @category errors
 */
export class CodexConnectionError extends Schema.TaggedError<CodexConnectionError>("effect-codex/CodexConnectionError")(
  "CodexConnectionError",
  {
    /**
     * `Exited`: the process ended. `Disconnected`: it lives, but a pipe broke. `Closed`: this side closed, because the
     * scope has ended or for the reason in `cause`.
     */
    reason: Schema.Literals(["Exited", "Disconnected", "Closed"]),
    /** The exit code of the process; null when a signal ended it. */
    exitCode: Schema.optionalKey(Schema.NullOr(Schema.Number)),
    /** The signal that ended the process, e.g. `"SIGKILL"`; null when it exited by itself. */
    signal: Schema.optionalKey(Schema.NullOr(Schema.String)),
    /** The last lines that the process wrote to standard error. */
    stderr: Schema.optionalKey(Schema.String),
    cause: Schema.optionalKey(Schema.Defect())
  }
) {
  override get message(): string {
    if (this.reason === "Closed" && this.cause instanceof Error) {
      return `The connection to the Codex app-server was closed: ${this.cause.message}`
    }
    if (this.reason === "Closed") {
      return "The Codex client is closed: its scope has ended. Keep the Layer or ManagedRuntime alive for as long as its threads are used."
    }
    const end = how(this.exitCode, this.signal)
    return sentence(
      this.reason === "Exited"
        ? `The Codex app-server ended${end === undefined ? "" : `: ${end}`}.`
        : `The connection to the Codex app-server broke${end === undefined ? "" : `: ${end}`}.`,
      "Build the Layer anew, or give it a `restart` schedule and retry.",
      lastWords(this.stderr ?? "")
    )
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Requests
// ---------------------------------------------------------------------------------------------------------------------

const rpcHints: { readonly [R in RpcReason]?: string } = {
  InvalidParams: "Check the parameters against the protocol's types.",
  MethodNotFound: "This server does not know the method: update @openai/codex, or check `metadata.serverVersion`.",
  Overloaded: "Try again in a moment.",
  RetryLimitExceeded: "The server gave up after several tries: wait longer before the next one.",
  ThreadNotFound:
    "A thread must be started, or resumed by an id that `threadList` shows; one that never had a turn can't be resumed.",
  ThreadArchived: "Call `threadUnarchive` first.",
  ThreadBusyElsewhere: "Another process has this thread open: end it there, or fork the thread.",
  NoActiveTurn: "The turn has ended already: start a new one.",
  TurnMismatch: "Another turn is running by now: steer or interrupt that one.",
  InputTooLarge: "Send less text, or put it into a file and mention the file."
}

/**
 * The server answered a request with an error.
 *
 * The protocol has few codes, so `reason` is read from code, message and data, in one place: {@link rpcReason}.
 *
 * @category errors
 */
export class CodexRpcError extends Schema.TaggedError<CodexRpcError>("effect-codex/CodexRpcError")("CodexRpcError", {
  reason: RpcReason,
  /** The protocol method that was refused. */
  method: Schema.String,
  /** The JSON-RPC error code. */
  code: Schema.Number,
  /** The server's own message, verbatim. */
  serverMessage: Schema.String,
  /** The server's structured data, when it sent any. */
  data: Schema.optionalKey(Schema.Unknown),
  ...place
}) {
  override get message(): string {
    return sentence(
      `${this.method} was refused`,
      where(this.threadId, this.turnId),
      ended(`with ${this.code}: ${excerpt(this.serverMessage, 400)}`),
      rpcHints[this.reason]
    )
  }
}

/**
 * The server sent something that this version knows, but can't read. `raw` holds it as it came.
 *
 * @category errors
 */
export class CodexDecodeError extends Schema.TaggedError<CodexDecodeError>("effect-codex/CodexDecodeError")(
  "CodexDecodeError",
  {
    /** The method of the notification, or of the request that was answered. */
    method: Schema.String,
    /** What does not fit, and at which path. */
    issue: Schema.String,
    /** The value as it was received. */
    raw: Schema.Unknown,
    ...place
  }
) {
  override get message(): string {
    return sentence(
      `What the server sent for ${this.method}`,
      where(this.threadId, this.turnId),
      ended(`does not fit this version's protocol: ${excerpt(this.issue, 600)}`),
      "Use the @openai/codex version that this package pins, or report it; the value is in `raw`."
    )
  }
}

/**
 * No answer within the time allowed.
 *
 * @category errors
 */
export class CodexTimeoutError extends Schema.TaggedError<CodexTimeoutError>("effect-codex/CodexTimeoutError")(
  "CodexTimeoutError",
  {
    /** The protocol method that was not answered. */
    method: Schema.String,
    /** How long it was waited, in milliseconds. */
    timeoutMs: Schema.Number,
    ...place
  }
) {
  override get message(): string {
    return sentence(
      `${this.method}`,
      where(this.threadId, this.turnId),
      `was not answered within ${Duration.format(Duration.millis(this.timeoutMs))}.`,
      "Raise `requestTimeout` (or `timeout` of this request) if the server is only slow."
    )
  }
}

/**
 * The connected server is too old for what was asked. Nothing was sent.
 *
 * @category errors
 */
export class UnsupportedByServerError
  extends Schema.TaggedError<UnsupportedByServerError>("effect-codex/UnsupportedByServerError")(
    "UnsupportedByServerError",
    {
      /** The option or method that was asked for. */
      feature: Schema.String,
      /** The first server version that has it. */
      needs: Schema.String,
      /** The version of the connected server, or `"unknown"`. */
      has: Schema.String
    }
  )
{
  override get message(): string {
    return `${this.feature} needs Codex ${this.needs} or newer; the connected server is ${this.has}. Update @openai/codex, or leave it out.`
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Threads and turns
// ---------------------------------------------------------------------------------------------------------------------

/**
 * What the caller gave can't be sent. Nothing was sent.
 *
 * @category errors
 */
export class InvalidInputError extends Schema.TaggedError<InvalidInputError>("effect-codex/InvalidInputError")(
  "InvalidInputError",
  {
    /** The option, field or argument that is wrong. */
    field: Schema.String,
    /** What is wrong with it, and what is right. */
    detail: Schema.String
  }
) {
  override get message(): string {
    return ended(`${this.field}: ${this.detail}`)
  }
}

/**
 * A turn of this thread is running, and the caller asked not to wait (`whenBusy: "fail"`). Nothing was sent.
 *
 * @category errors
 */
export class ThreadBusyError extends Schema.TaggedError<ThreadBusyError>("effect-codex/ThreadBusyError")(
  "ThreadBusyError",
  {
    /** The thread that is busy. */
    threadId: Schema.String
  }
) {
  override get message(): string {
    return `Thread ${this.threadId} has a turn running. Await it, or choose \`whenBusy: "wait"\` or \`"steer"\`.`
  }
}

/**
 * The turn ended with `status: "failed"`. What it had done by then is in `result`.
 *
 * @category errors
 */
export class TurnFailedError extends Schema.TaggedError<TurnFailedError>("effect-codex/TurnFailedError")(
  "TurnFailedError",
  {
    threadId: Schema.String,
    turnId: Schema.String,
    /** The server's error: `message`, `codexErrorInfo` (what kind), `additionalDetails`. */
    error: Schema.NullOr(Protocol.TurnError),
    /** The partial result: items and usage up to the failure. */
    result: TurnResult
  }
) {
  override get message(): string {
    const info = this.error?.codexErrorInfo
    const what = sentence(
      `The turn failed ${where(this.threadId, this.turnId)}:`,
      this.error === null ? "the server gave no reason." : excerpt(this.error.message, 600),
      typeof this.error?.additionalDetails === "string" && excerpt(this.error.additionalDetails, 600)
    )
    const next = sentence(
      (info === "unauthorized" || failureStatus(info) === 401) &&
        "Log in with `npx codex login` or `codex.loginApiKey`, or check the key of the model provider.",
      `What was done by then is in \`result\` (items: ${this.result.items.length}).`
    )
    return `${what}\n${next}`
  }
}

/**
 * The final answer does not fit the Schema that was asked for, or there was none: the turn was interrupted, or the model
 * refused.
 *
 * @category errors
 */
export class OutputDecodeError extends Schema.TaggedError<OutputDecodeError>("effect-codex/OutputDecodeError")(
  "OutputDecodeError",
  {
    threadId: Schema.String,
    turnId: Schema.String,
    /** The final answer as text; null when there was none. */
    text: Schema.NullOr(Schema.String),
    /** What does not fit. */
    issue: Schema.String,
    /** The result of the turn, which did not fail. */
    result: TurnResult
  }
) {
  override get message(): string {
    const { status } = this.result
    if (this.text === null) {
      return sentence(
        `There is no final answer to decode ${
          where(this.threadId, this.turnId)
        }: the turn ended with status ${status}.`,
        status === "completed" && "A model that refuses gives none: ask in other words."
      )
    }
    return sentence(
      ended(
        `The final answer does not fit the output schema ${where(this.threadId, this.turnId)}: ${
          excerpt(this.issue, 600)
        }`
      ),
      "The text is in `text`; a retry or a simpler schema may help."
    )
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// All of them
// ---------------------------------------------------------------------------------------------------------------------

/** All errors of this package, as a Schema: to send them over a wire, or to recognise one. */
export const CodexError = Schema.Union([
  CodexSpawnError,
  CodexHandshakeError,
  CodexConnectionError,
  CodexRpcError,
  CodexDecodeError,
  CodexTimeoutError,
  UnsupportedByServerError,
  InvalidInputError,
  ThreadBusyError,
  TurnFailedError,
  OutputDecodeError
])

/** All errors of this package. */
export type CodexError =
  | CodexSpawnError
  | CodexHandshakeError
  | CodexConnectionError
  | CodexRpcError
  | CodexDecodeError
  | CodexTimeoutError
  | UnsupportedByServerError
  | InvalidInputError
  | ThreadBusyError
  | TurnFailedError
  | OutputDecodeError

/** What building the client can fail with. */
export type ConnectError = CodexSpawnError | CodexHandshakeError | CodexConnectionError | InvalidInputError

/** What any request can fail with. */
export type RequestError =
  | CodexConnectionError
  | CodexRpcError
  | CodexDecodeError
  | CodexTimeoutError
  | InvalidInputError
  | UnsupportedByServerError

/** What starting a turn can fail with. */
export type StartTurnError = RequestError | ThreadBusyError

/** What the events of a turn can end with, other than its completion. */
export type TurnStreamError = CodexConnectionError | CodexDecodeError

/** What waiting for a turn's result can fail with. */
export type TurnError = TurnStreamError | TurnFailedError

/**
 * True if the same call may succeed when it is made again: the server was overloaded, did not answer in time, or the
 * connection was lost (a new Layer, or `restart`, brings a new one). A failed turn is retryable when its
 * `codexErrorInfo` says that the service, not the request, was at fault.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Schedule from "effect/Schedule"
 * import { CodexError, type Thread } from "effect-codex"
 *
 * const ask = (thread: Thread.Thread, question: string) =>
 *   thread.run(question).pipe(Effect.retry({
 *     while: CodexError.isRetryable,
 *     schedule: Schedule.exponential("200 millis").pipe(Schedule.jittered, Schedule.upTo({ times: 3 }))
 *   }))
 * ```
 *
 * @category guards
 */
export const isRetryable = (error: CodexError): boolean => {
  switch (error._tag) {
    case "CodexConnectionError":
      return error.reason !== "Closed"
    case "CodexTimeoutError":
      return true
    case "CodexRpcError":
      return error.reason === "Overloaded" || error.reason === "RetryLimitExceeded"
    case "TurnFailedError":
      return isServiceFailure(error.error?.codexErrorInfo)
    default:
      return false
  }
}

const serviceFailures = new Set([
  "serverOverloaded",
  "rateLimitExceeded",
  "flexUnavailable",
  "internalServerError",
  "policyCapacityUnavailable",
  "httpConnectionFailed",
  "responseStreamConnectionFailed",
  "responseStreamDisconnected",
  "responseTooManyFailedAttempts"
])

const isServiceFailure = (info: unknown): boolean => {
  const kind = failureKind(info)
  return kind !== undefined && serviceFailures.has(kind) && !isRefusal(failureStatus(info))
}

/** The service has looked at the request, and does not take it: because of the account, the model, or what is in it. */
const isRefusal = (status: number | undefined): boolean =>
  status !== undefined && status >= 400 && status < 500 && ![408, 409, 425, 429].includes(status)
