/**
 * The data of the page: a recording, sorted into lanes and spans. It reaches the page as a series of patches: a page in a
 * file contains them, and a page that follows a recording receives them from its server.
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
  /** Index into the lanes. */
  lane: number
  /** The row among those of its group in its lane, from the top. Spans of one row never overlap. */
  row: number
  /** In milliseconds since the recording began. */
  readonly start: number
  /** Undefined if its end was not recorded. */
  end?: number | undefined
  /** A name of a few words. */
  label: string
  status: Status
  /** The protocol's word for the status, a decision, or an exit code. */
  detail: string
  /** The turn of the span: an index into the spans. */
  turn?: number | undefined
}

/** An error or warning at one moment. */
export interface Mark {
  readonly level: "error" | "warning"
  readonly lane: number
  readonly at: number
  readonly label: string
  /** The index of its event. */
  readonly event: number
}

/** The tokens that a thread has used up to a moment. */
export interface Tokens {
  readonly lane: number
  readonly at: number
  readonly total: number
  /** The message that reported them: the index of its event. */
  readonly event: number
}

/** A thread, or the messages that belong to none. */
export interface Lane {
  /** The id of the thread; empty for the messages that belong to none. */
  readonly id: string
  title: string
  /** The model, the directory, the name of the agent. */
  subtitle: string
  /** The number of rows of each group of spans: turns, their parts, requests of the client. */
  rows: ReadonlyArray<number>
}

/** A value for each of some events, in their order. */
export interface Columns {
  readonly at: ReadonlyArray<number>
  readonly lane: ReadonlyArray<number>
  /** Index into the spans; -1 for events that belong to none. */
  readonly span: ReadonlyArray<number>
  /** The direction: an index into {@link Head.directions}. */
  readonly direction: ReadonlyArray<number>
  /** The method; for a response, that of its request. An index into the names that {@link Patch.methods} lists. */
  readonly method: ReadonlyArray<number>
  /** 1 for a piece of a text. */
  readonly delta: ReadonlyArray<number>
}

/** Facts about the recording that never change. */
export interface Head {
  /** The number of the recording among those that its server has found in the file. */
  readonly number: number
  /** The title of the page. */
  readonly title: string
  /** ISO 8601. */
  readonly startedAt: string
  readonly sdk: string
  readonly server: string | null
  /** The directions of messages; `garbage` for a line that is no message, `ended` for the end of a connection. */
  readonly directions: ReadonlyArray<Direction>
  /** The number of messages whose texts are loaded together. */
  readonly chunk: number
}

/** The direction of a message. */
export type Direction = "sent" | "received" | "garbage" | "ended"

/** Additions to a timeline, and changes. */
export interface Patch {
  /** In the first patch. */
  readonly head?: Head | undefined
  /** From the beginning to the last entry, in milliseconds. */
  readonly duration: number
  /** True if the end of every connection was recorded. */
  readonly complete: boolean
  /** Further names of methods. */
  readonly methods: ReadonlyArray<string>
  /** New and changed lanes, by index. */
  readonly lanes: ReadonlyArray<readonly [index: number, lane: Lane]>
  /** New and changed spans, by index. */
  readonly spans: ReadonlyArray<readonly [index: number, span: Span]>
  /** Further marks, in the order of time. */
  readonly marks: ReadonlyArray<Mark>
  /** Further numbers of tokens, in the order of time. */
  readonly tokens: ReadonlyArray<Tokens>
  /** Further events. */
  readonly events: Columns
  /** Earlier events that turned out to belong to another lane. */
  readonly moved: ReadonlyArray<readonly [event: number, lane: number]>
}

/** A message of the server about the recording, other than a patch. */
export interface Notice {
  readonly text: string
  /** True if nothing follows. */
  readonly final: boolean
}
