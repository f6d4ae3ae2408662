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
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs/promises"
import * as ending from "./internal/ending.ts"
import { version } from "./internal/version.ts"

/** The name of the format, in each header. */
export const format = "effect-codex/recording"

/** The version of the format that is written, and the newest that can be read. */
export const formatVersion = 1

/**
 * The first line of a recording.
 *
 * @category models
 */
export interface Header extends Schema.Schema.Type<typeof Header> {}
/** The first line of a recording. */
export const Header = Schema.Struct({
  format: Schema.Literal(format),
  version: Schema.Number,
  /** The version of effect-codex that recorded. */
  sdk: Schema.String,
  /** What the server said of itself in the handshake; null if it was never heard of. */
  server: Schema.NullOr(Schema.String),
  /** When the recording began, ISO 8601. The times of its entries count from here. */
  startedAt: Schema.String
})

/** A message of the protocol: a JSON object. */
export type Message = { readonly [key: string]: unknown }

/** How a connection ended, or why there was none. */
export type Ending = typeof Ending.Type
/** How a connection ended, or why there was none. */
export const Ending = ending.Ending

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
  & (
    | { readonly _tag: "Sent" | "Received"; readonly message: Message }
    | { readonly _tag: "Garbage"; readonly text: string }
    | { readonly _tag: "Ended"; readonly error: Ending }
  )

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
  readonly entries: ReadonlyArray<Entry & { /** The line in the file. */ readonly line: number }>
}

/**
 * A file can't be read as a recording, or not be written.
 *
 * @category errors
 */
export class RecordingError extends Schema.TaggedError<RecordingError>("effect-codex/RecordingError")(
  "RecordingError",
  {
    file: Schema.String,
    /** What is wrong, and what to do. */
    detail: Schema.String,
    /** The line it is about, counted from 1. */
    line: Schema.optionalKey(Schema.Number),
    cause: Schema.optionalKey(Schema.Defect())
  }
) {
  override get message(): string {
    const line = this.line === undefined ? "" : `, line ${this.line}`
    const cause = this.cause instanceof Error ? ` (${this.cause.message})` : ""
    return `${this.file}${line}: ${this.detail}${cause}.`
  }
}

const decodeHeader = Schema.decodeUnknownOption(Header)

/** The header of a recording that begins now, as one line without its line break. */
export const headerLine = (header: Pick<Header, "server" | "startedAt">): string =>
  JSON.stringify({ format, version: formatVersion, sdk: version, ...header })

/** An entry as one line without its line break. `mask` is handed what the line will hold, as JSON values. */
export const entryLine = (entry: Entry, mask: (value: unknown) => unknown = (value) => value): string => {
  const { at, connection } = entry
  switch (entry._tag) {
    case "Sent":
      return JSON.stringify({ at, connection, sent: mask(entry.message) })
    case "Received":
      return JSON.stringify({ at, connection, received: mask(entry.message) })
    case "Garbage":
      return JSON.stringify({ at, connection, garbage: mask(entry.text) })
    case "Ended":
      return JSON.stringify({ at, connection, ended: mask(ending.encode(entry.error)) })
  }
}

/** Whether a JSON value is an object, as every message is. */
export const isMessage: (value: unknown) => value is Message = Predicate.isObject

/** An entry of a line; none if it is of a kind that this version does not know. */
const entryOf = (line: Message): Option.Option<Entry> => {
  const { at, connection } = line
  if (typeof at !== "number" || typeof connection !== "number") return Option.none()
  const common = { at, connection }
  if (isMessage(line["sent"])) return Option.some({ ...common, _tag: "Sent", message: line["sent"] })
  if (isMessage(line["received"])) return Option.some({ ...common, _tag: "Received", message: line["received"] })
  if (typeof line["garbage"] === "string") {
    return Option.some({ ...common, _tag: "Garbage", text: line["garbage"] })
  }
  return Option.map(ending.decode(line["ended"]), (error) => ({ ...common, _tag: "Ended", error }))
}

/** The threads that requests have started, each by the line of its `thread/start`, which can't name it yet. */
export const openedThreads = (entries: Recording["entries"]): ReadonlyMap<number, string> => {
  const lines = new Map<string, number>()
  const opened = new Map<number, string>()
  for (const entry of entries) {
    if (!("message" in entry)) continue
    const { id, method, result } = entry.message
    const name = `${entry.connection} ${String(id)}`
    if (entry._tag === "Sent" && method === "thread/start") lines.set(name, entry.line)
    const line = entry._tag === "Received" && method === undefined ? lines.get(name) : undefined
    const thread = isMessage(result) && isMessage(result["thread"]) ? result["thread"]["id"] : undefined
    if (line !== undefined && typeof thread === "string") opened.set(line, thread)
  }
  return opened
}

const json = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const notARecording = "this is not a recording of effect-codex: its first line is not the header that `Recorder` writes"

/**
 * Reads the text of a recording. A last line that was cut off, as by a crash, is left out.
 *
 * @category constructors
 */
export const parse = (file: string, text: string): Result.Result<Recording, RecordingError> => {
  const fail = (detail: string, line?: number) =>
    Result.fail(new RecordingError({ file, detail, ...(line === undefined ? {} : { line }) }))
  if (text === "") return fail("the file is empty: the recorded program ended before its server had said a word")
  const [first = "", ...rest] = text.split("\n")
  const value = json(first)
  if (isMessage(value) && value["format"] === format && Number(value["version"]) > formatVersion) {
    return fail(
      `it has version ${
        value["version"]
      } of the format, and this version of effect-codex reads up to ${formatVersion}; update effect-codex, or record it again`
    )
  }
  const header = decodeHeader(value)
  if (Option.isNone(header)) return fail(notARecording, 1)
  const entries: Array<Recording["entries"][number]> = []
  for (let index = 0; index < rest.length; index++) {
    const text = rest[index]!
    if (text === "") continue
    const line = index + 2
    const value = json(text)
    if (isMessage(value)) {
      const entry = entryOf(value)
      if (Option.isSome(entry)) entries.push({ ...entry.value, line })
    } else if (index < rest.length - 1) {
      return fail("the line is not a JSON object; the file was changed or damaged", line)
    }
  }
  return Result.succeed({ file, header: header.value, entries })
}

/**
 * Reads a recording from its file.
 *
 * @category constructors
 */
export const read = (file: string): Effect.Effect<Recording, RecordingError> =>
  Effect.tryPromise({
    try: () => Fs.readFile(file, "utf8"),
    catch: (cause) =>
      isMissing(cause)
        ? new RecordingError({ file, detail: "there is no such file; record it first" })
        : new RecordingError({ file, detail: "the file can't be read", cause })
  }).pipe(Effect.flatMap((text) => Effect.fromResult(parse(file, text))))

const isMissing = (cause: unknown): boolean => Predicate.hasProperty(cause, "code") && cause.code === "ENOENT"
