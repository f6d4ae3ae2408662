/**
 * The reasons of errors: tagged objects. Catch them with `Effect.catchReason` and `Effect.catchReasons`.
 *
 * Their Schemas are built when the first one is used: a program that meets no error does not pay for them.
 */
import * as Schema from "effect/Schema"

/** Fields of a process that ended. */
const exit = {
  /** The exit code of the process; null if a signal ended it. */
  exitCode: Schema.NullOr(Schema.Number),
  /** The signal that ended the process, e.g. `"SIGKILL"`; null if it exited by itself. */
  signal: Schema.NullOr(Schema.String),
  /** The last lines that the process wrote to standard error; empty if it wrote none. */
  stderr: Schema.String
}

/** The last lines that the process wrote to standard error, for transports that start one. */
const stderr = Schema.optionalKey(Schema.String)

/** The HTTP status with which the model's service answered; null if there was none. */
const httpStatus = Schema.NullOr(Schema.Number)

/**
 * Reasons why there is no connection to an app-server.
 *
 * - `NotFound`: there is no codex binary. `NotExecutable`: there is a file, but it cannot be executed.
 * - `BadDirectory`: the working directory of the process, or its CODEX_HOME, cannot be used.
 * - `Exited`: the process ended before it completed the handshake.
 * - `Unauthorized`: a running server refused the token. `Refused`: it refused the connection for another cause.
 * - `Unreachable`: no server answered, or the connection broke before the handshake was complete.
 * - `HandshakeTimeout`: `initialize` was not answered within `handshakeTimeout`.
 * - `HandshakeRefused`: `initialize` failed with an error, or its response is not that of an app-server.
 * - `Other`: any other failure, described in `detail`.
 *
 * @category reasons
 */
export type ConnectReason = typeof ConnectReason.Type
/** The Schema of {@link ConnectReason}. */
export const ConnectReason = Schema.suspend(() =>
  Schema.TaggedUnion({
    NotFound: { detail: Schema.String },
    NotExecutable: { detail: Schema.String },
    BadDirectory: { detail: Schema.String },
    Exited: exit,
    Unauthorized: { detail: Schema.String },
    Refused: { detail: Schema.String },
    Unreachable: { detail: Schema.String, stderr },
    HandshakeTimeout: { timeoutMs: Schema.Number, stderr },
    HandshakeRefused: { detail: Schema.String, code: Schema.optionalKey(Schema.Number), stderr },
    Other: { detail: Schema.String, stderr }
  })
)

/**
 * Reasons why an established connection ended.
 *
 * - `Exited`: the process of the server ended.
 * - `Disconnected`: the connection broke, and the server may still be running.
 * - `NotRejoined`: the connection was lost and is back, but the server does not let this client follow the turn any more, or does not
 *   report all of it. The turn may be running still.
 * - `Unreadable`: the server sent data that cannot be read, such as a line that no string can hold. The same call would
 *   bring the same data, so it is not retryable.
 * - `Closed`: this side closed the connection, because its scope ended or for the error in `cause`.
 *
 * @category reasons
 */
export type ConnectionReason = typeof ConnectionReason.Type
/** The Schema of {@link ConnectionReason}. */
export const ConnectionReason = Schema.suspend(() =>
  Schema.TaggedUnion({
    Exited: exit,
    Disconnected: { stderr },
    NotRejoined: { detail: Schema.String },
    Unreadable: { detail: Schema.String, stderr },
    Closed: {}
  })
)

/**
 * Reasons why the server refused a request, read from the code, message and data of its answer.
 *
 * @category reasons
 */
export type RpcReason = typeof RpcReason.Type
/** The Schema of {@link RpcReason}. */
export const RpcReason = Schema.suspend(() =>
  Schema.TaggedUnion({
    InvalidRequest: {},
    InvalidParams: {},
    MethodNotFound: {},
    Internal: {},
    Overloaded: {},
    RetryLimitExceeded: {},
    ThreadNotFound: {},
    ThreadArchived: {},
    ThreadBusyElsewhere: {},
    NoActiveTurn: {},
    /** `runningTurnId` is the turn that runs instead of the expected one, if the server named it. */
    TurnMismatch: { runningTurnId: Schema.optionalKey(Schema.String) },
    /** `maxChars` is the longest input that the server accepts, if it said so. */
    InputTooLarge: { maxChars: Schema.optionalKey(Schema.Number) },
    Other: {}
  })
)

/**
 * Reasons why a checkpoint was not made or not restored.
 *
 * - `NotARepository`: files were asked for, and `directory` is in no git work tree, or the server's machine has no git.
 * - `UnsavedFiles`: restoring would discard the content of `files`, which is in no commit of the branch and in no checkpoint of the
 *   thread. The paths are relative to the work tree.
 * - `NotInHistory`: the conversation does not contain the point any more, because it was reverted to an earlier one.
 * - `GitFailed`: a git command failed, with the message in `detail`.
 *
 * @category reasons
 */
export type CheckpointReason = typeof CheckpointReason.Type
/** The Schema of {@link CheckpointReason}. */
export const CheckpointReason = Schema.suspend(() =>
  Schema.TaggedUnion({
    NotARepository: { directory: Schema.String },
    UnsavedFiles: { files: Schema.Array(Schema.String) },
    NotInHistory: {},
    GitFailed: { detail: Schema.String }
  })
)

/**
 * Reasons why a turn failed, read from `codexErrorInfo` and the message of the server's error.
 *
 * - `UsageLimitExceeded`: the plan's limit is used up. `resetsAt` is when it resets, as Unix time in seconds; null if the
 *   server did not say.
 * - `Overloaded`: the model, its flex tier or its safety service has no capacity. `RateLimited`: too many requests.
 * - `ConnectionFailed`, `StreamDisconnected`, `TooManyFailedAttempts`: the connection to the model failed, was cut in the
 *   middle of an answer, or failed until the server gave up.
 * - `PolicyViolation`: a safety policy stopped the turn; `policy` is the server's name for it.
 * - `Other`: `kind` is the server's `codexErrorInfo`; null if it sent none.
 *
 * @category reasons
 */
export type TurnFailedReason = typeof TurnFailedReason.Type
/** The Schema of {@link TurnFailedReason}. */
export const TurnFailedReason = Schema.suspend(() =>
  Schema.TaggedUnion({
    ContextWindowExceeded: {},
    SessionBudgetExceeded: {},
    UsageLimitExceeded: { resetsAt: Schema.NullOr(Schema.Number) },
    RateLimited: {},
    Overloaded: {},
    Unauthorized: {},
    ModelNotFound: {},
    BadRequest: {},
    PolicyViolation: { policy: Schema.String },
    ConnectionFailed: { httpStatus },
    StreamDisconnected: { httpStatus },
    TooManyFailedAttempts: { httpStatus },
    InternalServerError: {},
    SandboxError: {},
    Other: { kind: Schema.NullOr(Schema.String) }
  })
)
