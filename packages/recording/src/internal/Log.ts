/**
 * Turns what passes over the wire into the lines of a recording, masked, and in the order in which it passed.
 *
 * Text that arrives in pieces is masked as a whole: a piece whose last word may go on in the next one is held back, with
 * everything after it, until that is known.
 */
import { performance } from "node:perf_hooks"
import * as Recording from "../Recording.ts"
import { decodeBase64, encodeBase64, type Masker } from "./Masker.ts"

/** How the pieces of a text stand in their field. */
interface Coding {
  readonly decode: (field: string) => string
  readonly encode: (text: string) => string
  readonly mask: (masker: Masker, text: string) => string
  /** Whether what was masked stays, whatever comes next. */
  readonly isDecided: (masker: Masker, text: string) => boolean
}

const codings: { readonly [field: string]: Coding } = {
  delta: {
    decode: (field) => field,
    encode: (text) => text,
    mask: (masker, text) => masker.text(text),
    isDecided: (masker, text) => masker.decided(text)
  },
  // Bytes, a character each: a piece may end in the middle of a character, or be no text at all.
  deltaBase64: {
    decode: decodeBase64,
    encode: encodeBase64,
    mask: (masker, bytes) => masker.bytes(bytes),
    isDecided: (masker, bytes) => masker.decidedBytes(bytes)
  }
}

/** A piece of a text that is held back. */
interface Piece {
  readonly text: string
  /** Gives the piece its final text. */
  readonly settle: (text: string) => void
}

/** When something happened, and on which connection. */
type Moment = Pick<Recording.Entry, "at" | "connection">

/** A line that is to be written in its order. */
interface Line {
  readonly at: number
  /** Undefined while it is held back. */
  text: string | undefined
}

/** A text that has stopped in the middle of a word for so long is not waited for, in milliseconds. */
const patience = 1000

export class Log {
  /** Set when the file can't be written. */
  broken = false

  private readonly start = performance.now()
  private readonly startedAt = new Date().toISOString()
  private readonly write: (lines: string) => void
  private readonly masker: Masker

  private hasHeader = false
  private server: string | null = null
  private lines: Array<Line> = []
  /** Pieces that are held back, by the text they are of. */
  private readonly held = new Map<string, { readonly coding: Coding; readonly pieces: Array<Piece> }>()
  private readonly ends = new Set<number>()

  constructor(write: (lines: string) => void, masker: Masker) {
    this.write = write
    this.masker = masker
  }

  sent(connection: number, text: string): void {
    if (this.ends.has(connection)) return
    this.add(this.now(connection), "sent", text)
    this.flush()
  }

  received(connection: number, texts: ReadonlyArray<string>): void {
    if (this.ends.has(connection)) return
    const now = this.now(connection)
    for (const text of texts) if (text.trim() !== "") this.add(now, "received", text)
    this.flush()
  }

  /** The first end of a connection counts. */
  ended(connection: number, error: Recording.Ending): void {
    if (this.ends.has(connection)) return
    this.ends.add(connection)
    this.settle()
    this.push({ ...this.now(connection), _tag: "Ended", error })
    this.flush()
  }

  /** Writes what is left. */
  close(): void {
    this.settle()
    if (!this.hasHeader) this.writeHeader()
    this.flush()
  }

  private now(connection: number): Moment {
    return { at: Math.round((performance.now() - this.start) * 100) / 100, connection }
  }

  private add(moment: Moment, direction: "sent" | "received", text: string): void {
    const message = parse(text)
    if (message === undefined) return this.push({ ...moment, _tag: "Garbage", text })
    if (direction === "sent") return this.push({ ...moment, _tag: "Sent", message })
    this.server ??= userAgentOf(message)
    const piece = pieceOf(message)
    if (piece !== undefined) return this.hold(moment, message, piece)
    // Whatever else is said of an item ends its texts, and of a thread all texts in it.
    const place = placeOf(message)
    this.settle((channel) => channel.startsWith(place) || channel.startsWith(nowhere))
    this.push({ ...moment, _tag: "Received", message })
  }

  private push(entry: Recording.Entry): void {
    this.lines.push({ at: entry.at, text: this.lineOf(entry) })
  }

  private lineOf(entry: Recording.Entry): string {
    return "message" in entry
      ? Recording.entryLine({ ...entry, message: this.masker.message(entry.message) })
      : Recording.entryLine(entry, (value) => this.masker.value(value))
  }

  private hold(moment: Moment, message: Recording.Message, { coding, field, params, text }: PieceOf): void {
    const line: Line = { at: moment.at, text: undefined }
    this.lines.push(line)
    const channel = `${placeOf(message)} ${channelFields.map((field) => String(params[field])).join(" ")} ${field}`
    const pieces = this.held.get(channel)?.pieces ?? []
    this.held.set(channel, { coding, pieces })
    pieces.push({
      text,
      settle: (final) => {
        // The text is masked already, as a part of the whole.
        const { [field]: _, ...rest } = params
        const masked = this.masker.message({ ...message, params: rest })
        const whole = { ...masked, params: { ...masked["params"] as Recording.Message, [field]: coding.encode(final) } }
        line.text = Recording.entryLine({ ...moment, _tag: "Received", message: whole })
      }
    })
    const whole = pieces.map((piece) => piece.text).join("")
    if (coding.isDecided(this.masker, whole)) this.settle((other) => other === channel)
  }

  /** Masks what was held back of some texts, or of all, and lets it go. */
  private settle(which: (channel: string) => boolean = () => true): void {
    for (const [channel, { coding, pieces }] of this.held) {
      if (!which(channel)) continue
      this.held.delete(channel)
      const whole = pieces.map((piece) => piece.text).join("")
      const masked = coding.mask(this.masker, whole)
      // What is hidden may lie across the pieces: then the first has all of the text.
      pieces.forEach((piece, index) => piece.settle(masked === whole ? piece.text : index === 0 ? masked : ""))
    }
  }

  /** Writes the lines that are complete, up to the first that is not. */
  private flush(): void {
    if (!this.hasHeader) {
      // The header names the server, which is known when it has answered the handshake.
      if (this.server === null && this.ends.size === 0) return
      this.writeHeader()
    }
    let waiting = this.lines.findIndex((line) => line.text === undefined)
    if (waiting !== -1 && this.lines.at(-1)!.at - this.lines[waiting]!.at > patience) {
      this.settle()
      waiting = -1
    }
    const ready = waiting === -1 ? this.lines : this.lines.slice(0, waiting)
    if (ready.length === 0) return
    this.lines = waiting === -1 ? [] : this.lines.slice(waiting)
    this.write(ready.map((line) => `${line.text}\n`).join(""))
  }

  private writeHeader(): void {
    this.hasHeader = true
    const server = this.server === null ? null : this.masker.text(this.server)
    this.write(`${Recording.headerLine({ server, startedAt: this.startedAt })}\n`)
  }
}

const parse = (text: string): Recording.Message | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return Recording.isMessage(value) ? value : undefined
  } catch {
    return undefined
  }
}

const userAgentOf = ({ result }: Recording.Message): string | null =>
  Recording.isMessage(result) && typeof result["userAgent"] === "string" ? result["userAgent"] : null

/** Begins the place of what belongs to no thread. */
const nowhere = "- "

/** Where a message belongs: its thread, and its item if it has one. */
const placeOf = ({ params }: Recording.Message): string => {
  if (!Recording.isMessage(params) || typeof params["threadId"] !== "string") return nowhere
  const item = params["item"]
  const id = params["itemId"] ?? (Recording.isMessage(item) ? item["id"] : undefined)
  return `${params["threadId"]} ${typeof id === "string" ? `${id} ` : ""}`
}

/** What tells the texts of one place apart. */
const channelFields = ["summaryIndex", "contentIndex", "processId", "processHandle", "stream", "role"]

interface PieceOf {
  readonly coding: Coding
  readonly params: Recording.Message
  readonly field: string
  readonly text: string
}

/** The piece of a text that a notification brings, if it brings one. */
const pieceOf = ({ id, params }: Recording.Message): PieceOf | undefined => {
  if (id !== undefined || !Recording.isMessage(params)) return undefined
  for (const field in codings) {
    const value = params[field]
    const coding = codings[field]!
    if (typeof value === "string") return { coding, params, field, text: coding.decode(value) }
  }
  return undefined
}
