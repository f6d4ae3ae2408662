/**
 * A recording: the wire of one run, both directions, with times, as a file of JSON lines.
 *
 * The first line is the {@link Header}; each further line is an {@link Entry}. `Recorder` of `@effect-codex/testing`
 * writes recordings and `Replay` answers from them; `npx effect-codex timeline` draws them. What a later version adds to
 * the format is skipped by an earlier one; what it changes gets a new `formatVersion`, and every older one stays readable.
 *
 * ```jsonl
 * {"format":"effect-codex/recording","version":1,"sdk":"0.1.0","server":"effect-codex/0.169.0 (...)","startedAt":"..."}
 * {"at":0.4,"connection":1,"sent":{"id":1,"method":"initialize","params":{}}}
 * {"at":402.1,"connection":1,"received":{"id":1,"result":{}}}
 * {"at":2310.8,"connection":1,"ended":{"_tag":"CodexConnectionError","reason":"Closed"}}
 * ```
 */
import { CodexConnectionError, CodexSpawnError, InvalidInputError } from "effect-codex/CodexError"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
/** The name of the format, in each header. */
export declare const format = "effect-codex/recording"
/** The version of the format that is written, and the newest that can be read. */
export declare const formatVersion = 1
/**
 * The first line of a recording.
 *
 * @category models
 */
export interface Header extends Schema.Schema.Type<typeof Header> {
}
/** The first line of a recording. */
export declare const Header: Schema.Struct<{
  readonly format: Schema.Literal<"effect-codex/recording">
  readonly version: Schema.Number
  /** The version of effect-codex that recorded. */
  readonly sdk: Schema.String
  /** What the server said of itself in the handshake; null if it was never heard of. */
  readonly server: Schema.NullOr<Schema.String>
  /** When the recording began, ISO 8601. The times of its entries count from here. */
  readonly startedAt: Schema.String
}>
/** A message of the protocol: a JSON object. */
export type Message = {
  readonly [key: string]: unknown
}
/** How a connection ended, or why there was none. */
export type Ending = typeof Ending.Type
/** How a connection ended, or why there was none. */
export declare const Ending: Schema.Union<
  readonly [typeof CodexConnectionError, typeof CodexSpawnError, typeof InvalidInputError]
>
/** What all entries have. */
interface Common {
  /** Milliseconds since the recording began. */
  readonly at: number
  /** Which connection it belongs to, counted from 1: a client that starts its server again has several. */
  readonly connection: number
}
/**
 * What happened on the wire.
 *
 * - `Sent`: a message of the client. `Received`: a message of the server.
 * - `Garbage`: what the server wrote and is no message.
 * - `Ended`: the end of the connection. A recording without one stops where the recorded program was killed.
 *
 * @category models
 */
export type Entry =
  & Common
  & ({
    readonly _tag: "Sent" | "Received"
    readonly message: Message
  } | {
    readonly _tag: "Garbage"
    readonly text: string
  } | {
    readonly _tag: "Ended"
    readonly error: Ending
  })
/**
 * A whole recording.
 *
 * @category models
 */
export interface Recording {
  /** The file it was read from, for error messages. */
  readonly file: string
  /** What was recorded, and when. */
  readonly header: Header
  /** What went over the wire, in its order. */
  readonly entries: ReadonlyArray<
    Entry & {
      readonly line: number
    }
  >
}
declare const RecordingError_base: Schema.Class<
  RecordingError,
  Schema.TaggedStruct<"RecordingError", {
    readonly file: Schema.String
    /** What is wrong, and what to do. */
    readonly detail: Schema.String
    /** The line it is about, counted from 1. */
    readonly line: Schema.optionalKey<Schema.Number>
    readonly cause: Schema.optionalKey<Schema.Defect>
  }>,
  import("effect/Cause").YieldableError
>
/**
 * A file can't be read as a recording, or not be written.
 *
 * @category errors
 */
export declare class RecordingError extends RecordingError_base {
  get message(): string
}
/** The header of a recording that begins now, as one line without its line break. */
export declare const headerLine: (header: Pick<Header, "server" | "startedAt">) => string
/** An entry as one line without its line break. `mask` is handed what the line will hold, as JSON values. */
export declare const entryLine: (entry: Entry, mask?: (value: unknown) => unknown) => string
/** Whether a JSON value is an object, as every message is. */
export declare const isMessage: (value: unknown) => value is Message
/** The threads that requests have started, each by the line of its `thread/start`, which can't name it yet. */
export declare const openedThreads: (entries: Recording["entries"]) => ReadonlyMap<number, string>
/**
 * Reads the text of a recording. A last line that was cut off, as by a crash, is left out.
 *
 * @category constructors
 */
export declare const parse: (file: string, text: string) => Result.Result<Recording, RecordingError>
/**
 * Reads a recording from its file.
 *
 * @category constructors
 */
export declare const read: (file: string) => Effect.Effect<Recording, RecordingError>
export {}
// # sourceMappingURL=Recording.d.ts.map
