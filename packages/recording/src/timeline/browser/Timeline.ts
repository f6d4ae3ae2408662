/**
 * What the page of a timeline is given: a recording, sorted into lanes and spans. Plain data, so that it can be embedded.
 */

/** What a span stands for; also what can be shown and hidden. */
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

/** How something went. */
export type Status = "ok" | "failed" | "stopped" | "open"

/** A stretch of time in which one thing went on. */
export interface Span {
  readonly kind: Kind
  /** Index into `lanes`. */
  readonly lane: number
  /** In its lane, from the top. Spans of one row never overlap, and are in the order of time. */
  row: number
  /** In milliseconds since the recording began. */
  readonly start: number
  /** Undefined if its end was not recorded. */
  end: number | undefined
  /** What it is, in a few words. */
  label: string
  status: Status
  /** The protocol's own word for the status, a decision, an exit code. */
  detail: string
  /** The turn that it belongs to: an index into `spans`. */
  turn: number | undefined
}

/** Something at one moment. */
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
  /** The message that told of them: an index into `events`. */
  readonly event: number
}

/** One thread, or what belongs to none. */
export interface Lane {
  /** The id of the thread; empty for what belongs to none. */
  readonly id: string
  title: string
  /** The model, the directory, whose agent it is. */
  subtitle: string
  /** How many rows its spans take. */
  rows: number
  readonly tokens: Array<Tokens>
}

/** Which way a message went; or that it was none, or the end of a connection. */
export type Direction = "sent" | "received" | "garbage" | "ended"

/** The entries of the recording, by column: entry `i` is the `i`th of each. */
export interface Events {
  readonly at: Array<number>
  readonly lane: Array<number>
  /** Index into `spans`; -1 for what belongs to none. */
  readonly span: Array<number>
  readonly direction: Array<Direction>
  /** The method; for an answer, that of its request. */
  readonly method: Array<string>
  /** A piece of a text. */
  readonly delta: Array<0 | 1>
  /** The message as JSON; for what is none, its text. */
  readonly text: Array<string>
}

export interface Timeline {
  /** The name of the recording. */
  readonly title: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly sdk: string
  readonly server: string | null
  /** From the beginning to the last entry, in milliseconds. */
  readonly duration: number
  /** Whether the recording has its end. */
  readonly complete: boolean
  readonly lanes: ReadonlyArray<Lane>
  readonly spans: ReadonlyArray<Span>
  readonly marks: ReadonlyArray<Mark>
  readonly events: Events
}
