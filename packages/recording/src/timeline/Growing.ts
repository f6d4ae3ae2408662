/**
 * A recording that is read piece by piece, and sorted into a timeline as it is read. Only the positions of its messages are
 * kept, not their texts.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Recording from "../format/Recording.ts"
import type { Head } from "./browser/Timeline.ts"
import { chunkLength, type Data, directions } from "./Data.ts"
import { Model } from "./Model.ts"

const lineBreak = 10

/** Returns the facts about a recording. `number` tells the recordings apart that a server has found in one file. */
export const headOf = (title: string, { sdk, server, startedAt }: Recording.Header, number = 1): Head => ({
  number,
  title,
  startedAt,
  sdk,
  server,
  directions,
  chunk: chunkLength
})

export class Growing {
  readonly file: string
  /** Undefined until the first line has been read. */
  header: Recording.Header | undefined
  /** The number of bytes that have been read as lines. */
  position = 0
  private readonly model = new Model()
  private readonly accept: (entry: Recording.Entry) => void
  /** The position of the line of the first message of each chunk. */
  private readonly chunks: Array<number> = []
  /** The beginning of a line whose end has not been written yet. */
  private rest: Buffer = Buffer.alloc(0)
  private lines = 0

  /** Calls `accept` with each entry. */
  constructor(file: string, accept: (entry: Recording.Entry) => void = () => {}) {
    this.file = file
    this.accept = accept
  }

  get data(): Data {
    return this.model.data
  }

  /** The number of bytes that have been read. */
  get size(): number {
    return this.position + this.rest.length
  }

  /** Reads the next bytes of the file. Returns an error if they are not the next lines of a recording. */
  read(bytes: Buffer): Recording.RecordingError | undefined {
    const all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes])
    let start = 0
    for (let end = all.indexOf(lineBreak); end !== -1; end = all.indexOf(lineBreak, start)) {
      const error = this.line(all.toString("utf8", start, end))
      if (error !== undefined) return error
      this.position += end + 1 - start
      start = end + 1
    }
    // The bytes belong to a buffer that is used again.
    this.rest = Buffer.from(all.subarray(start))
    return undefined
  }

  /** Reads a last line that has no end, unless it was cut off. */
  end(): Recording.RecordingError | undefined {
    if (this.size === 0) return Recording.emptyFile(this.file)
    const text = this.rest.toString("utf8")
    if (this.header === undefined) return this.line(text)
    const entry = Recording.parseEntry(text)
    if (entry !== undefined) this.entry(entry)
    return undefined
  }

  private line(text: string): Recording.RecordingError | undefined {
    this.lines++
    if (this.header === undefined) {
      const header = Recording.parseHeader(this.file, text)
      if (Result.isFailure(header)) return header.failure
      this.header = header.success
      return undefined
    }
    const entry = Recording.parseEntry(text)
    if (entry === undefined) return Recording.damaged(this.file, this.lines)
    this.entry(entry)
    return undefined
  }

  private entry(entry: Option.Option<Recording.Entry>): void {
    if (Option.isNone(entry)) return
    if (this.data.events.length % chunkLength === 0) this.chunks.push(this.position)
    this.model.add(entry.value)
    this.accept(entry.value)
  }

  /** Returns the part of the file with the messages of a chunk, if there are any yet. */
  place(chunk: number): { readonly start: number; readonly end: number } | undefined {
    const start = this.chunks[chunk]
    return start === undefined ? undefined : { start, end: this.chunks[chunk + 1] ?? this.position }
  }
}
