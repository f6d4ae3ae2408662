/**
 * Errors of this package, one class per kind of failure.
 *
 * Catch one by its name with `Effect.catchTag`, and one of its reasons with `Effect.catchReason`. `isRetryable` returns
 * true if the same call may succeed later. The unions, such as {@link RunError}, name what a method can fail with.
 */
import * as Schemas from "@effect-codex/protocol/Schemas"
import * as Schema from "effect/Schema"
import { PrintedError } from "../../base/PrintedError.ts"
import { TurnResult } from "../turns/TurnResult.ts"
import * as messages from "./errorMessages.ts"
import { ConnectionReason, ConnectReason, RpcReason, TurnFailedReason } from "./errorReasons.ts"
import { CheckpointError, QueuedTurnRemovedError, ThreadBusyError } from "./threadErrors.ts"

export { CheckpointReason, ConnectionReason, ConnectReason, RpcReason, TurnFailedReason } from "./errorReasons.ts"
export { CheckpointError, QueuedTurnRemovedError, ThreadBusyError } from "./threadErrors.ts"

/** Fields of errors that may belong to one thread or turn. */
const place = {
  /** The thread concerned, if there is one. */
  threadId: Schema.optionalKey(Schema.String),
  /** The turn concerned, if there is one. */
  turnId: Schema.optionalKey(Schema.String)
}

/** The error underneath, if there is one. */
const cause = Schema.optionalKey(Schema.Defect())

// ---------------------------------------------------------------------------------------------------------------------
// The connection
// ---------------------------------------------------------------------------------------------------------------------

/**
 * No connection to an app-server: its process did not start, a running server was not reached, or the handshake failed.
 *
 * Every transport fails with this error, for one of the reasons in {@link ConnectReason}.
 *
 * @category errors
 */
export class CodexConnectError extends PrintedError.extend<CodexConnectError>("effect-codex/CodexConnectError")({
  _tag: Schema.tag("CodexConnectError"),
  reason: ConnectReason,
  /** The program, URL or socket path of the server. */
  target: Schema.String,
  cause
}) {
  override get message(): string {
    return messages.connect(this)
  }
}

/**
 * The loss of an established connection. Everything that waits on it fails with this error, and so does every later call,
 * unless the option `restart` brings a new connection.
 *
 * {@link ConnectionReason} lists the reasons.
 *
 * @category errors
 */
export class CodexConnectionError
  extends PrintedError.extend<CodexConnectionError>("effect-codex/CodexConnectionError")({
    _tag: Schema.tag("CodexConnectionError"),
    reason: ConnectionReason,
    cause
  })
{
  override get message(): string {
    return messages.connection(this)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Requests
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A request that the server refused.
 *
 * The protocol has few error codes, so `reason` is read from code, message and data: see {@link RpcReason}.
 *
 * @category errors
 */
export class CodexRpcError extends PrintedError.extend<CodexRpcError>("effect-codex/CodexRpcError")({
  _tag: Schema.tag("CodexRpcError"),
  reason: RpcReason,
  /** The protocol method that was refused. */
  method: Schema.String,
  /** The JSON-RPC error code. */
  code: Schema.Number,
  /** The server's own message. Known secrets are replaced by `<redacted>`. */
  serverMessage: Schema.String,
  /** The server's structured data, if it sent any: without known secrets, down to a depth of 64. */
  data: Schema.optionalKey(Schema.Unknown),
  ...place
}) {
  override get message(): string {
    return messages.rpc(this)
  }
}

/**
 * A known message of the server that this version cannot read.
 *
 * @category errors
 */
export class CodexDecodeError extends PrintedError.extend<CodexDecodeError>("effect-codex/CodexDecodeError")({
  _tag: Schema.tag("CodexDecodeError"),
  /** The method of the notification, or of the request that was answered. */
  method: Schema.String,
  /** The mismatch and its path. */
  issue: Schema.String,
  /** The value as it was received. Printing the error does not show it. */
  raw: Schema.Unknown,
  ...place
}) {
  override get message(): string {
    return messages.decode(this)
  }
}

/**
 * A request without an answer within the time allowed.
 *
 * @category errors
 */
export class CodexTimeoutError extends PrintedError.extend<CodexTimeoutError>("effect-codex/CodexTimeoutError")({
  _tag: Schema.tag("CodexTimeoutError"),
  /** The protocol method that was not answered. */
  method: Schema.String,
  /** The time that was allowed, in milliseconds. */
  timeoutMs: Schema.Number,
  ...place
}) {
  override get message(): string {
    return messages.timeout(this)
  }
}

/**
 * An option that the connected server is too old for. Nothing was sent.
 *
 * @category errors
 */
export class UnsupportedByServerError
  extends PrintedError.extend<UnsupportedByServerError>("effect-codex/UnsupportedByServerError")({
    _tag: Schema.tag("UnsupportedByServerError"),
    /** The option or feature that was asked for. */
    feature: Schema.String,
    /** The first server version that has it. */
    needs: Schema.String,
    /** The version of the connected server, or `"unknown"`. */
    has: Schema.String
  })
{
  override get message(): string {
    return messages.unsupported(this)
  }
}

/**
 * An option or argument that cannot be used. Nothing was sent.
 *
 * @category errors
 */
export class InvalidInputError extends PrintedError.extend<InvalidInputError>("effect-codex/InvalidInputError")({
  _tag: Schema.tag("InvalidInputError"),
  /** The option, field or argument that is wrong. */
  field: Schema.String,
  /** The problem, and how to correct it. */
  detail: Schema.String
}) {
  override get message(): string {
    return messages.invalidInput(this)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Threads and turns
// ---------------------------------------------------------------------------------------------------------------------

/**
 * A thread whose options are not those that were requested, because it was loaded with others. The call has no effect.
 *
 * @category errors
 */
export class OptionsNotInForceError
  extends PrintedError.extend<OptionsNotInForceError>("effect-codex/OptionsNotInForceError")({
    _tag: Schema.tag("OptionsNotInForceError"),
    /** The thread with other options. */
    threadId: Schema.String,
    /** Every option that differs: its requested value, and the value in force if the server reported one. */
    options: Schema.Array(Schema.Struct({
      option: Schema.String,
      asked: Schema.Unknown,
      inForce: Schema.optionalKey(Schema.Unknown)
    }))
  })
{
  override get message(): string {
    return messages.optionsNotInForce(this)
  }
}

/**
 * A turn that ended with status `failed`, for one of the reasons in {@link TurnFailedReason}.
 *
 * @category errors
 */
export class TurnFailedError extends PrintedError.extend<TurnFailedError>("effect-codex/TurnFailedError")({
  _tag: Schema.tag("TurnFailedError"),
  reason: TurnFailedReason,
  threadId: Schema.String,
  turnId: Schema.String,
  /** The server's error: `message`, `codexErrorInfo` (its kind) and `additionalDetails`; null if it sent none. */
  error: Schema.NullOr(Schema.suspend(Schemas.TurnError)),
  /** The partial result: items and usage up to the failure. Printing the error does not show it. */
  result: TurnResult
}) {
  override get message(): string {
    return messages.turnFailed(this)
  }
}

/**
 * A turn that was interrupted because it reached one of its limits.
 *
 * @category errors
 */
export class TurnLimitError extends PrintedError.extend<TurnLimitError>("effect-codex/TurnLimitError")({
  _tag: Schema.tag("TurnLimitError"),
  /** The limit that was reached. */
  limit: Schema.Literals(["idle", "duration", "tokens", "steps"]),
  /** The value of that limit: milliseconds for `idle` and `duration`, otherwise a number of tokens or model requests. */
  allowed: Schema.Number,
  /** The use of the turn when it was interrupted, in the same unit. It may exceed `allowed`. */
  used: Schema.Number,
  threadId: Schema.String,
  turnId: Schema.String,
  /** The partial result: items and usage up to the interruption. Printing the error does not show it. */
  result: TurnResult
}) {
  override get message(): string {
    return messages.turnLimit(this)
  }
}

/**
 * A final answer that does not match the Schema in `output`, or a turn without one: it was interrupted, or the model
 * refused.
 *
 * @category errors
 */
export class OutputDecodeError extends PrintedError.extend<OutputDecodeError>("effect-codex/OutputDecodeError")({
  _tag: Schema.tag("OutputDecodeError"),
  threadId: Schema.String,
  turnId: Schema.String,
  /** The final answer as text; null if there was none. Printing the error does not show it. */
  text: Schema.NullOr(Schema.String),
  /** The mismatch and its path. */
  issue: Schema.String,
  /** The result of the turn, which did not fail. Printing the error does not show it. */
  result: TurnResult
}) {
  override get message(): string {
    return messages.outputDecode(this)
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Unions
// ---------------------------------------------------------------------------------------------------------------------

/** The Schema of all errors of this package: encodes them for a wire, and recognises them. */
export const CodexError = Schema.Union([
  CodexConnectError,
  CodexConnectionError,
  CodexRpcError,
  CodexDecodeError,
  CodexTimeoutError,
  UnsupportedByServerError,
  InvalidInputError,
  ThreadBusyError,
  QueuedTurnRemovedError,
  CheckpointError,
  OptionsNotInForceError,
  TurnFailedError,
  TurnLimitError,
  OutputDecodeError
])

/** Any error of this package. */
export type CodexError = typeof CodexError.Type

/** Errors of building a Layer. */
export type ConnectError = CodexConnectError | CodexConnectionError | InvalidInputError

/** Errors of any request. */
export type RequestError =
  | CodexConnectionError
  | CodexRpcError
  | CodexDecodeError
  | CodexTimeoutError
  | InvalidInputError

/** Errors of a request with options that a server may be too old for, such as starting or listing threads. */
export type ThreadError = RequestError | UnsupportedByServerError

/** Errors of resuming or forking a thread. */
export type OpenThreadError = ThreadError | OptionsNotInForceError

/**
 * Errors of starting a turn. `OptionsNotInForceError` only after a restart, if the thread came back with other options.
 */
export type StartTurnError = ThreadError | ThreadBusyError | OptionsNotInForceError

/**
 * Errors of a turn's events. A failed turn is not among them: its events end like those of any other. `TurnLimitError`
 * follows the last event of a turn that was interrupted because it reached a limit.
 */
export type TurnStreamError = CodexConnectionError | CodexDecodeError | TurnLimitError

/** Errors of waiting for a turn's result. */
export type TurnError = TurnStreamError | TurnFailedError

/** Errors of `thread.run`: starting a turn, and waiting for its result. */
export type RunError = StartTurnError | TurnError

/** Errors of `thread.run` with `output`. */
export type TypedRunError = RunError | OutputDecodeError

/** Errors of `thread.stream`: starting a turn, and reading its events. */
export type StreamError = StartTurnError | TurnStreamError
