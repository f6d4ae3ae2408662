/**
 * The file format of recordings; the public module `Recording` describes it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs/promises"
import { limitDepth, maxDepth } from "./depth.ts"
import * as ending from "./ending.ts"
import { version } from "./version.ts"

/** The name of the format, which every header repeats. */
export const format = "effect-codex/recording"

/** The version of the format that is written, and the newest version that can be read. */
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
  /** The version of the package that recorded. */
  sdk: Schema.String,
  /** The user agent that the server reported in the handshake; null if the server never answered. */
  server: Schema.NullOr(Schema.String),
  /** The start of the recording, in ISO 8601. The times of the entries count from here. */
  startedAt: Schema.String
})

/** A message of the protocol: a JSON object. */
export type Message = { readonly [key: string]: unknown }

/** The reason why a connection ended, or why it could not be established. */
export type Ending = typeof Ending.Type
/** The reason why a connection ended, or why it could not be established. */
export const Ending = ending.Ending

/** Fields that all entries have. */
interface Common {
  /** Milliseconds since the recording began. */
  readonly at: number
  /** The number of the connection, counted from 1. A client that restarts its server has several connections. */
  readonly connection: number
}

/**
 * An event on the wire.
 *
 * - `Sent`: the client sent a message. `Received`: the server sent a message.
 * - `Garbage`: the server wrote a line that is not a message.
 * - `Ended`: the connection ended. Without such an entry, the recorded program was killed.
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
  /** The first line. */
  readonly header: Header
  /** The further lines, in the order of the wire. */
  readonly entries: ReadonlyArray<
    Entry & { /** The number of the line in the file, counted from 1. */ readonly line: number }
  >
}

/**
 * A file can't be read as a recording, or can't be written.
 *
 * @category errors
 */
export class RecordingError extends Schema.TaggedError<RecordingError>("@effect-codex/recording/RecordingError")(
  "RecordingError",
  {
    file: Schema.String,
    /** The problem, and what to do about it. */
    detail: Schema.String,
    /** The line with the problem, counted from 1. */
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

/** Returns the header of a recording that begins now, as a line without its line break. */
export const headerLine = (header: Pick<Header, "server" | "startedAt">): string =>
  JSON.stringify({ format, version: formatVersion, sdk: version, ...header })

/** Returns an entry as a line without its line break. `mask` receives the JSON value that the line will contain. */
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

/** Returns true if a JSON value is an object, as every message is. */
export const isMessage: (value: unknown) => value is Message = Predicate.isObject

const parseObject = (text: string, depth: number): Message | undefined => {
  try {
    const parsed: unknown = JSON.parse(text)
    // Each level takes two characters, so most texts are too short to be too deep.
    const value = text.length > 2 * depth ? limitDepth(parsed, depth) : parsed
    return isMessage(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Reads a text as a message; undefined if it is not a JSON object. */
export const parseMessage = (text: string): Message | undefined => parseObject(text, maxDepth)

/** Reads a line of a recording, which wraps a message. */
const parseLine = (line: string): Message | undefined => parseObject(line, maxDepth + 1)

/** Reads an entry from a line; none if this version does not know its kind. */
const entryOf = (line: Message): Option.Option<Entry> => {
  const { at, connection } = line
  if (typeof at !== "number" || !Number.isFinite(at) || typeof connection !== "number") return Option.none()
  const common = { at, connection }
  if (isMessage(line["sent"])) return Option.some({ ...common, _tag: "Sent", message: line["sent"] })
  if (isMessage(line["received"])) return Option.some({ ...common, _tag: "Received", message: line["received"] })
  if (typeof line["garbage"] === "string") {
    return Option.some({ ...common, _tag: "Garbage", text: line["garbage"] })
  }
  return Option.map(ending.decode(line["ended"]), (error) => ({ ...common, _tag: "Ended", error }))
}

/** Returns a name for the request of a response; responses repeat its id. */
export const requestName = (connection: number, id: unknown): string => `${connection} ${JSON.stringify(id)}`

/** Returns the threads that were started, each by the line of its `thread/start`, which can't name the thread yet. */
export const openedThreads = (entries: Recording["entries"]): ReadonlyMap<number, string> => {
  const lines = new Map<string, number>()
  const opened = new Map<number, string>()
  for (const entry of entries) {
    if (!("message" in entry)) continue
    const { id, method, result } = entry.message
    const name = requestName(entry.connection, id)
    if (entry._tag === "Sent" && method === "thread/start") lines.set(name, entry.line)
    const line = entry._tag === "Received" && method === undefined ? lines.get(name) : undefined
    const thread = isMessage(result) && isMessage(result["thread"]) ? result["thread"]["id"] : undefined
    if (line !== undefined && typeof thread === "string") opened.set(line, thread)
  }
  return opened
}

const notARecording = "this is not a recording of effect-codex: its first line is not the header that `Recorder` writes"

/** Reads the first line of a recording. */
export const parseHeader = (file: string, line: string): Result.Result<Header, RecordingError> => {
  const value = parseLine(line)
  const written = value?.["format"] === format ? value["version"] : undefined
  if (typeof written === "number" && written > formatVersion) {
    const detail =
      `the file has version ${written} of the format, and this version of @effect-codex/recording reads up to version ${formatVersion}; update the package, or record again`
    return Result.fail(new RecordingError({ file, detail }))
  }
  return Result.fromOption(decodeHeader(value), () => new RecordingError({ file, detail: notARecording, line: 1 }))
}

/**
 * Reads a further line of a recording. Returns none for an empty line or one of a kind that this version does not know, and
 * undefined if the line is damaged.
 */
export const parseEntry = (line: string): Option.Option<Entry> | undefined => {
  if (line === "") return Option.none()
  const value = parseLine(line)
  return value === undefined ? undefined : entryOf(value)
}

/** Returns the error of a damaged line. */
export const damaged = (file: string, line: number): RecordingError =>
  new RecordingError({ file, line, detail: "the line is not a JSON object; the file was edited or damaged" })

/** Returns the error of a file without a line. */
export const emptyFile = (file: string): RecordingError =>
  new RecordingError({ file, detail: "the file is empty: the recorded program ended before its server sent a message" })

/** Returns the error of a file that can't be opened or read. */
export const unreadable = (file: string, cause: unknown): RecordingError =>
  isMissing(cause)
    ? new RecordingError({ file, detail: "there is no such file; record it first" })
    : new RecordingError({ file, detail: "the file can't be read", cause })

/**
 * Reads the text of a recording. Ignores a last line that was cut off, as by a crash.
 *
 * @category constructors
 */
export const parse = (file: string, text: string): Result.Result<Recording, RecordingError> => {
  if (text === "") return Result.fail(emptyFile(file))
  const [first = "", ...rest] = text.split("\n")
  const header = parseHeader(file, first)
  if (Result.isFailure(header)) return Result.fail(header.failure)
  const entries: Array<Recording["entries"][number]> = []
  for (let index = 0; index < rest.length; index++) {
    const line = index + 2
    const entry = parseEntry(rest[index]!)
    if (entry === undefined) {
      if (index < rest.length - 1) return Result.fail(damaged(file, line))
    } else if (Option.isSome(entry)) entries.push({ ...entry.value, line })
  }
  return Result.succeed({ file, header: header.success, entries })
}

/**
 * Reads a recording from its file.
 *
 * @category constructors
 */
export const read = (file: string): Effect.Effect<Recording, RecordingError> =>
  Effect.tryPromise({
    try: () => Fs.readFile(file, "utf8"),
    catch: (cause) => unreadable(file, cause)
  }).pipe(Effect.flatMap((text) => Effect.fromResult(parse(file, text))))

/** Returns true for the error of a file that does not exist. */
export const isMissing = (cause: unknown): boolean => Predicate.hasProperty(cause, "code") && cause.code === "ENOENT"
