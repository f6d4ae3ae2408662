/**
 * The messages of errors. Each says what happened, on which thread and turn, and what to do next.
 *
 * Every message passes {@link compose}, so none can carry a control character of the server to a terminal.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Duration from "effect/Duration"
import { printable } from "../../base/printable.ts"
import type { Limit } from "../turns/Limits.ts"
import type { ConnectionReason, ConnectReason, RpcReason, TurnFailedReason } from "./errorReasons.ts"

type Part = string | undefined | null | false

/** Joins the parts that are present with a space, or with the line break that a part begins with. */
const compose = (...parts: ReadonlyArray<Part>): string =>
  printable(
    parts.filter((part) => typeof part === "string" && part !== "").join(" ").replaceAll(" \n", "\n")
  )

/** Shortens a text to at most `max` characters. */
const excerpt = (text: string, max: number): string => text.length <= max ? text : `${text.slice(0, max)}… (shortened)`

/** Adds a full stop unless the text already ends with a punctuation mark. */
const ended = (text: string): string => /[.!?]$/.test(text) ? text : `${text}.`

/** The thread and turn that an error belongs to. */
interface Place {
  readonly threadId?: string | undefined
  readonly turnId?: string | undefined
}

const at = ({ threadId, turnId }: Place): string | undefined => {
  const parts = [threadId === undefined ? "" : `thread ${threadId}`, turnId === undefined ? "" : `turn ${turnId}`]
    .filter((part) => part !== "")
  return parts.length === 0 ? undefined : `(${parts.join(", ")})`
}

const exited = ({ exitCode, signal }: { readonly exitCode: number | null; readonly signal: string | null }): string =>
  signal !== null ? `was ended by ${signal}` : exitCode !== null ? `exited with code ${exitCode}` : "exited"

const lastLines = (stderr: string | undefined): string | undefined =>
  stderr === undefined || stderr.trim() === "" ? undefined : `\nLast stderr lines:\n${stderr.trimEnd()}`

const millis = (value: number): string => Duration.format(Duration.millis(value))

const causeOf = (cause: unknown): string | undefined => cause instanceof Error ? cause.message : undefined

// ---------------------------------------------------------------------------------------------------------------------
// The connection
// ---------------------------------------------------------------------------------------------------------------------

/** The message of a `CodexConnectError`. */
export const connect = ({ reason, target }: { readonly reason: ConnectReason; readonly target: string }): string => {
  const starting = `Could not start the Codex app-server (${target}):`
  const connecting = `Could not connect to the Codex app-server (${target}):`
  switch (reason._tag) {
    case "NotFound":
      return compose(
        starting,
        ended(reason.detail),
        "Install it with `npm install @openai/codex`, or correct the option `codexPath` or the environment variable CODEX_PATH."
      )
    case "NotExecutable":
      return compose(
        starting,
        ended(reason.detail),
        "Make the file executable, or point `codexPath` at the native codex binary."
      )
    case "BadDirectory":
      return compose(starting, ended(reason.detail), "Use a directory that exists and that this user can enter.")
    case "Exited":
      return compose(
        starting,
        `the process ${exited(reason)} before it completed the handshake.`,
        "Check `args`, `config` and the configuration in CODEX_HOME, or run the command in a terminal.",
        lastLines(reason.stderr)
      )
    case "Unauthorized":
      return compose(connecting, ended(reason.detail), "Pass a valid `token`.")
    case "Refused":
      return compose(connecting, ended(reason.detail), "Check the address, and that the server accepts this client.")
    case "Unreachable":
      return compose(
        connecting,
        ended(reason.detail),
        "Check that the server is running and that the address is right, then retry.",
        lastLines(reason.stderr)
      )
    case "HandshakeTimeout":
      return compose(
        connecting,
        `it did not answer the handshake within ${millis(reason.timeoutMs)}.`,
        "Check that the program is `codex app-server`. If it is only slow, raise `handshakeTimeout`.",
        lastLines(reason.stderr)
      )
    case "HandshakeRefused":
      return compose(
        connecting,
        "the handshake failed:",
        ended(excerpt(reason.detail, 400)),
        "Check that the program is `codex app-server` of a supported version.",
        lastLines(reason.stderr)
      )
    case "Other":
      return compose(connecting, ended(excerpt(reason.detail, 400)), lastLines(reason.stderr))
  }
}

const reconnect = "Build the Layer again, or set the option `restart` (`reconnect` for a socket), then retry."

/** The message of a `CodexConnectionError`. */
export const connection = (
  { cause, reason }: { readonly reason: ConnectionReason; readonly cause?: unknown }
): string => {
  switch (reason._tag) {
    case "Exited":
      return compose(`The Codex app-server ${exited(reason)}.`, reconnect, lastLines(reason.stderr))
    case "Disconnected": {
      const why = causeOf(cause)
      return compose(
        why === undefined
          ? "The connection to the Codex app-server was lost."
          : ended(`The connection to the Codex app-server was lost: ${excerpt(why, 400)}`),
        reconnect,
        lastLines(reason.stderr)
      )
    }
    case "NotRejoined":
      return compose(
        ended(
          `The connection to the Codex app-server was lost in mid-turn, and the turn cannot be followed any more: ${reason.detail}`
        ),
        "Read the thread to see whether it is still running, and its outcome."
      )
    case "Unreadable":
      return compose(
        ended(`The Codex app-server sent data that cannot be read: ${excerpt(reason.detail, 400)}`),
        "The connection was closed, and the same call would fail again. Request less output at once.",
        lastLines(reason.stderr)
      )
    case "Closed": {
      const why = causeOf(cause)
      return why === undefined
        ? compose(
          "The Codex client is closed because its scope has ended.",
          "Keep the Layer or ManagedRuntime alive while its threads are in use."
        )
        : compose(`The connection to the Codex app-server was closed: ${why}`)
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// Requests
// ---------------------------------------------------------------------------------------------------------------------

const rpcHint = (reason: RpcReason): string | undefined => {
  switch (reason._tag) {
    case "InvalidParams":
      return "Check the parameters against the protocol's types."
    case "MethodNotFound":
      return "Check the name of the method. If it is right, this server is too old or too new for it (see `metadata.serverVersion`)."
    case "Overloaded":
      return "Try again in a moment."
    case "RetryLimitExceeded":
      return "The server has given up after several attempts; wait longer before the next one."
    case "ThreadNotFound":
      return "Start a thread, or resume one that `threadList` returns; a thread without a turn was never stored."
    case "ThreadArchived":
      return "Call `threadUnarchive` first."
    case "ThreadBusyElsewhere":
      return "Another process has this thread open; close it there, or fork the thread."
    case "NoActiveTurn":
      return "The turn has ended; start a new one."
    case "TurnMismatch":
      return "Another turn is running; steer or interrupt that one."
    case "InputTooLarge":
      return reason.maxChars === undefined
        ? "Send less text, or write it to a file and mention the file."
        : `Send at most ${reason.maxChars} characters, or write the text to a file and mention the file.`
    default:
      return undefined
  }
}

/** The message of a `CodexRpcError`. */
export const rpc = (
  error: Place & {
    readonly reason: RpcReason
    readonly method: string
    readonly code: number
    readonly serverMessage: string
  }
): string =>
  compose(
    `The server refused ${error.method}`,
    at(error),
    ended(`with error ${error.code}: ${excerpt(error.serverMessage, 400)}`),
    rpcHint(error.reason)
  )

/** The message of a `CodexDecodeError`. */
export const decode = (error: Place & { readonly method: string; readonly issue: string }): string =>
  compose(
    `The server's message for ${error.method}`,
    at(error),
    ended(`does not match this version's protocol: ${excerpt(error.issue, 600)}`),
    "Use the @openai/codex version that this package pins, or report the mismatch; `raw` holds the message."
  )

/** The message of a `CodexTimeoutError`. */
export const timeout = (error: Place & { readonly method: string; readonly timeoutMs: number }): string =>
  compose(
    `The server did not answer ${error.method}`,
    at(error),
    `within ${millis(error.timeoutMs)}.`,
    "If it is only slow, raise `requestTimeout`, or `timeout` of this request."
  )

/** The message of an `UnsupportedByServerError`. */
export const unsupported = (
  { feature, has, needs }: { readonly feature: string; readonly needs: string; readonly has: string }
): string =>
  compose(
    `${feature} needs Codex ${needs} or later, but the connected server has version ${has}.`,
    `Update @openai/codex, or leave ${feature} out.`
  )

/** The message of an `InvalidInputError`. */
export const invalidInput = ({ detail, field }: { readonly field: string; readonly detail: string }): string =>
  // A detail may begin with the name of the field.
  compose(ended(detail.startsWith(`${field} `) ? detail : `${field}: ${detail}`))

// ---------------------------------------------------------------------------------------------------------------------
// Threads and turns
// ---------------------------------------------------------------------------------------------------------------------

/** The message of a `ThreadBusyError`. */
export const threadBusy = (
  { threadId, turnId }: { readonly threadId: string; readonly turnId?: string | undefined }
): string =>
  turnId !== undefined
    ? compose(
      `Another client has started turn ${turnId} of thread ${threadId} at the same moment, and the server has added the input to it.`,
      "Do not send the input again: the agent has it."
    )
    : compose(
      `Thread ${threadId} is busy with another turn.`,
      "Wait for its end, or set `whenBusy` to \"wait\" or \"steer\"."
    )

/** Formats the value of an option for a person. */
const shown = (value: unknown): string => {
  if (value === undefined) return "unknown"
  try {
    return excerpt(JSON.stringify(value) ?? String(value), 100)
  } catch {
    return String(value)
  }
}

/** The message of an `OptionsNotInForceError`. */
export const optionsNotInForce = (error: {
  readonly threadId: string
  readonly options: ReadonlyArray<{ readonly option: string; readonly asked: unknown; readonly inForce?: unknown }>
}): string => {
  const differences = error.options.map(({ asked, inForce, option }) =>
    `\`${option}\` should be ${shown(asked)}, but is ${shown(inForce)}`
  )
  return compose(
    `The requested options are not in force on thread ${error.threadId}: ${differences.join("; ")}.`,
    "The thread was loaded with other options. Fork it with the new ones, or resume it after every client has left it."
  )
}

const turnHint = (reason: TurnFailedReason): string | undefined => {
  switch (reason._tag) {
    case "Unauthorized":
      return "Log in with `npx codex login` or `codex.loginApiKey`, or check the key of the model provider."
    case "UsageLimitExceeded":
      return reason.resetsAt === null
        ? "Wait until the usage limit resets, or use another account."
        : `Wait until the usage limit resets at ${instant(reason.resetsAt)}, or use another account.`
    case "ContextWindowExceeded":
      return "Compact the thread with `thread.compact`, or start a new one."
    case "ModelNotFound":
      return "Choose a model that `codex.models` lists."
    case "RateLimited":
    case "Overloaded":
    case "InternalServerError":
    case "ConnectionFailed":
    case "StreamDisconnected":
    case "TooManyFailedAttempts":
      return "The model's service failed; run the turn again later."
    default:
      return undefined
  }
}

/** Formats a Unix time in seconds. A number outside the range of dates stays a number. */
const instant = (seconds: number): string => {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}

const itemsOf = (result: { readonly items: ReadonlyArray<unknown> }): string =>
  `\`result\` holds the completed items (${result.items.length}).`

/** The message of a `TurnFailedError`. */
export const turnFailed = (
  error: Place & {
    readonly reason: TurnFailedReason
    readonly error: Protocol.TurnError | null
    readonly result: { readonly items: ReadonlyArray<unknown> }
  }
): string =>
  compose(
    "The turn failed",
    `${at(error)}:`,
    error.error === null ? "the server gave no reason." : ended(excerpt(error.error.message, 600)),
    typeof error.error?.additionalDetails === "string" && ended(excerpt(error.error.additionalDetails, 600)),
    `\n${compose(turnHint(error.reason), itemsOf(error.result))}`
  )

const limits: Readonly<Record<Limit, (allowed: number, used: number) => string>> = {
  idle: (allowed, used) => `it sent no event for ${millis(used)}, and \`limits.idle\` allows ${millis(allowed)}`,
  duration: (allowed, used) => `it ran for ${millis(used)}, and \`limits.duration\` allows ${millis(allowed)}`,
  tokens: (allowed, used) => `it used ${used} tokens, and \`limits.tokens\` allows ${allowed}`,
  steps: (allowed, used) => `it made ${used} model requests, and \`limits.steps\` allows ${allowed}`
}

/** The message of a `TurnLimitError`. */
export const turnLimit = (
  error: Place & {
    readonly limit: Limit
    readonly allowed: number
    readonly used: number
    readonly result: { readonly items: ReadonlyArray<unknown> }
  }
): string =>
  compose(
    "The turn was interrupted",
    at(error),
    `because ${limits[error.limit](error.allowed, error.used)}.`,
    "Raise the limit, or ask for a smaller task.",
    itemsOf(error.result)
  )

/** The message of an `OutputDecodeError`. */
export const outputDecode = (
  error: Place & {
    readonly text: string | null
    readonly issue: string
    readonly result: { readonly status: string }
  }
): string => {
  const { status } = error.result
  return error.text === null
    ? compose(
      "There is no final answer to decode",
      `${at(error)}:`,
      `the turn ended with status ${status}.`,
      status === "completed" && "If the model refused to answer, rephrase the request."
    )
    : compose(
      "The final answer does not match the output schema",
      `${at(error)}:`,
      ended(excerpt(error.issue, 600)),
      "`text` holds the answer. Run the turn again, or use a simpler schema."
    )
}
