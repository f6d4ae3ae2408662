/**
 * The log of a recorder: turns messages into the masked lines of a recording, in the order of the wire.
 *
 * Text that arrives in pieces is masked as a whole. If the last word of a piece may continue in the next piece, the log
 * holds the piece back, with everything after it, until the word is complete.
 */
import { performance } from "node:perf_hooks"
import * as Recording from "../format/Recording.ts"
import { type Masker, unmaskable } from "../masking/Masker.ts"
import { nowhere, type Piece, pieceOf, placeOf } from "./Piece.ts"

/** A text that is held back: its pieces so far. */
interface Held {
  text: string
  readonly pieces: Array<{ readonly piece: Piece; readonly settle: (text: string) => void }>
}

/** The time and the connection of an event. */
type Moment = Pick<Recording.Entry, "at" | "connection">

/** A line that waits for its turn. */
interface Line {
  readonly at: number
  /** Undefined while the line is held back. */
  text: string | undefined
}

/** Milliseconds after which a text that stopped within a word is written. */
const patience = 1000

export class Log {
  private readonly start = performance.now()
  private readonly startedAt = new Date().toISOString()
  private readonly write: (lines: string) => void
  private readonly masker: Masker

  private hasHeader = false
  private server: string | null = null
  private lines: Array<Line> = []
  /** Texts that are held back, by channel. */
  private readonly held = new Map<string, Held>()
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

  /** Records the end of a connection. Only the first end counts. */
  ended(connection: number, error: Recording.Ending): void {
    if (this.ends.has(connection)) return
    this.ends.add(connection)
    this.settle()
    this.push({ ...this.now(connection), _tag: "Ended", error })
    this.flush()
  }

  /** Writes all remaining lines. */
  close(): void {
    this.settle()
    if (!this.hasHeader) this.writeHeader()
    this.flush()
  }

  private now(connection: number): Moment {
    return { at: Math.round((performance.now() - this.start) * 100) / 100, connection }
  }

  private add(moment: Moment, direction: "sent" | "received", text: string): void {
    const message = Recording.parseMessage(text)
    if (message === undefined) return this.push({ ...moment, _tag: "Garbage", text })
    if (direction === "sent") return this.push({ ...moment, _tag: "Sent", message })
    this.server ??= userAgentOf(message)
    const piece = pieceOf(message)
    if (piece !== undefined) return this.hold(moment, message, piece)
    // Any other message about an item ends its texts; one about a thread ends all texts of the thread.
    const place = placeOf(message)
    this.settle((channel) => channel.startsWith(place) || channel.startsWith(nowhere))
    this.push({ ...moment, _tag: "Received", message })
  }

  private push(entry: Recording.Entry): void {
    this.lines.push({ at: entry.at, text: this.lineOf(entry) })
  }

  private lineOf(entry: Recording.Entry): string {
    return attempt(
      () =>
        "message" in entry
          ? Recording.entryLine({ ...entry, message: this.masker.message(entry.message) })
          : Recording.entryLine(entry, (value) => this.masker.value(value)),
      () => Recording.entryLine(withoutContent(entry))
    )
  }

  private hold(moment: Moment, message: Recording.Message, piece: Piece): void {
    const line: Line = { at: moment.at, text: undefined }
    this.lines.push(line)
    const held = this.held.get(piece.channel) ?? { text: "", pieces: [] }
    this.held.set(piece.channel, held)
    held.text += piece.text
    held.pieces.push({
      piece,
      settle: (text) => {
        // The text is masked already, as a part of the whole.
        line.text = attempt(
          () => Recording.entryLine({ ...moment, _tag: "Received", message: piece.withText(this.masker, text) }),
          () => Recording.entryLine(withoutContent({ ...moment, _tag: "Received", message }))
        )
      }
    })
    const isDecided = attempt(() => piece.coding.isDecided(this.masker, held.text), () => true)
    if (isDecided) this.settle((other) => other === piece.channel)
  }

  /** Masks and releases the held texts of some channels, or of all. */
  private settle(which: (channel: string) => boolean = () => true): void {
    for (const [channel, { pieces, text }] of this.held) {
      if (!which(channel)) continue
      this.held.delete(channel)
      const { coding } = pieces[0]!.piece
      const masked = attempt(() => coding.mask(this.masker, text), () => unmaskable)
      // A masked part may extend over several pieces: then the first piece gets the whole text.
      pieces.forEach(({ piece, settle }, index) => settle(masked === text ? piece.text : index === 0 ? masked : ""))
    }
  }

  /** Writes the lines that are complete, up to the first that is held back. */
  private flush(): void {
    if (!this.hasHeader) {
      // The header names the server, which is known after the handshake.
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
    const { server } = this
    const masked = server === null ? null : attempt(() => this.masker.text(server), () => unmaskable)
    this.write(`${Recording.headerLine({ server: masked, startedAt: this.startedAt })}\n`)
  }
}

/** Masks something. A message that can't be masked must not end the recording, nor appear in it. */
const attempt = <A>(mask: () => A, otherwise: () => A): A => {
  try {
    return mask()
  } catch {
    return otherwise()
  }
}

/** Returns an entry of the same kind that keeps only the fields that link requests and responses. */
const withoutContent = (entry: Recording.Entry): Recording.Entry => {
  const { at, connection } = entry
  if (!("message" in entry)) return { at, connection, _tag: "Garbage", text: unmaskable }
  const { id, method } = entry.message
  const isPlain = typeof method === "string" && /^[\w/]{1,100}$/.test(method)
  return {
    ...entry,
    message: {
      ...(typeof id === "number" ? { id } : {}),
      ...(isPlain ? { method, params: unmaskable } : { result: unmaskable })
    }
  }
}

const userAgentOf = ({ result }: Recording.Message): string | null =>
  Recording.isMessage(result) && typeof result["userAgent"] === "string" ? result["userAgent"] : null
