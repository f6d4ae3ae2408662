/**
 * The data of the page: a recording, sorted into lanes and spans. It is plain data, so that it can be embedded.
 */

/** The kind of a span. A reader can hide each kind. */
export type Kind =
  | "turn"
  | "user"
  | "message"
  | "reasoning"
  | "command"
  | "files"
  | "tool"
  | "approval"
  | "request"
  | "other"

/** The outcome of a span. */
export type Status = "ok" | "failed" | "stopped" | "open"

/** A period of time in which one thing happened. */
export interface Span {
  readonly kind: Kind
  /** Index into `lanes`. */
  readonly lane: number
  /** The row in its lane, from the top. Spans of one row never overlap. */
  row: number
  /** In milliseconds since the recording began. */
  readonly start: number
  /** Undefined if its end was not recorded. */
  end: number | undefined
  /** A name of a few words. */
  label: string
  status: Status
  /** The protocol's word for the status, a decision, or an exit code. */
  detail: string
  /** The turn of the span: an index into `spans`. */
  turn: number | undefined
}

/** An error or warning at one moment. */
export interface Mark {
  readonly level: "error" | "warning"
  readonly lane: number
  readonly at: number
  readonly label: string
  /** Index into `events`. */
  readonly event: number
}

/** The tokens that a thread has used up to a moment. */
export interface Tokens {
  readonly at: number
  readonly total: number
  /** The message that reported them: an index into `events`. */
  readonly event: number
}

/** A thread, or the messages that belong to none. */
export interface Lane {
  /** The id of the thread; empty for the messages that belong to none. */
  readonly id: string
  title: string
  /** The model, the directory, the name of the agent. */
  subtitle: string
  /** The number of rows of its spans. */
  rows: number
  readonly tokens: Array<Tokens>
}

/** The direction of a message; `garbage` for a line that is no message, `ended` for the end of a connection. */
export type Direction = "sent" | "received" | "garbage" | "ended"

/** The entries of the recording, by column: entry `i` is the `i`th of each. */
export interface Events {
  readonly at: Array<number>
  readonly lane: Array<number>
  /** Index into `spans`; -1 for events that belong to none. */
  readonly span: Array<number>
  readonly direction: Array<Direction>
  /** The method; for a response, that of its request. */
  readonly method: Array<string>
  /** 1 for a piece of a text. */
  readonly delta: Array<0 | 1>
  /** The message as JSON; for a line that is no message, its text. */
  readonly text: Array<string>
}

/** A recording, sorted for the page. */
export interface Timeline {
  /** The title of the page. */
  readonly title: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly sdk: string
  readonly server: string | null
  /** From the beginning to the last entry, in milliseconds. */
  readonly duration: number
  /** True if the end of every connection was recorded. */
  readonly complete: boolean
  readonly lanes: ReadonlyArray<Lane>
  readonly spans: ReadonlyArray<Span>
  readonly marks: ReadonlyArray<Mark>
  readonly events: Events
}
