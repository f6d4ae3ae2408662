/**
 * The texts of the messages, which are loaded in chunks when something shows them: a page with all of them would not fit into
 * the memory of a small machine.
 */

/** Characters of texts that are kept. */
const kept = 50_000_000

/** Separates the texts of a chunk. */
export const separator = "\u0000"

export class Texts {
  /** The number of messages of a chunk. */
  readonly length: number
  private readonly read: (chunk: number) => Promise<string>
  /** The loaded chunks, the one that was used last at the end. */
  private readonly chunks = new Map<number, { readonly texts: ReadonlyArray<string>; readonly size: number }>()
  private readonly missing = new Set<number>()
  private size = 0

  constructor(length: number, read: (chunk: number) => Promise<string>) {
    this.length = length
    this.read = read
  }

  /** Returns the text of a message; if it is not loaded, an empty text, and {@link load} will load it. */
  get(event: number): string {
    const chunk = Math.floor(event / this.length)
    const text = this.chunks.get(chunk)?.texts[event % this.length]
    if (text === undefined) this.missing.add(chunk)
    return text ?? ""
  }

  /** Loads what was missing since the last call; undefined if nothing was. */
  load(): Promise<void> | undefined {
    if (this.missing.size === 0) return undefined
    const chunks = Array.from(this.missing)
    this.missing.clear()
    return Promise.all(chunks.map((chunk) => this.keep(chunk))).then(() => {
      for (const [chunk, { size }] of this.chunks) {
        if (this.size <= kept) return
        if (chunks.includes(chunk)) continue
        this.chunks.delete(chunk)
        this.size -= size
      }
    })
  }

  /** Returns the texts of a chunk, and does not keep them. */
  async chunk(chunk: number): Promise<ReadonlyArray<string>> {
    const known = this.chunks.get(chunk)?.texts
    // The last chunk of a recording may have grown.
    return known?.length === this.length ? known : (await this.read(chunk)).split(separator)
  }

  private async keep(chunk: number): Promise<void> {
    const text = await this.read(chunk)
    this.size += text.length - (this.chunks.get(chunk)?.size ?? 0)
    this.chunks.delete(chunk)
    this.chunks.set(chunk, { texts: text.split(separator), size: text.length })
  }
}
