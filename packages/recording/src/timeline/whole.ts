/**
 * Pages of recordings that do not grow.
 */
import { open } from "node:fs/promises"
import * as Recording from "../format/Recording.ts"
import { separator } from "./browser/Texts.ts"
import { chunkText } from "./chunks.ts"
import { chunkLength } from "./Data.ts"
import { Growing, headOf } from "./Growing.ts"
import { Model } from "./Model.ts"
import * as Page from "./Page.ts"

/** Bytes of a file that are read at once. */
export const blockSize = 1 << 20

/** Packs texts in chunks as they come. */
class Packer {
  readonly packed: Array<string> = []
  private texts: Array<string> = []

  add(entry: Recording.Entry): void {
    if (this.texts.push(chunkText(entry)) === chunkLength) this.flush()
  }

  flush(): void {
    if (this.texts.length > 0) this.packed.push(Page.texts(this.texts.join(separator)))
    this.texts = []
  }
}

/** Returns the page of a recording, in parts. */
export const ofRecording = ({ entries, header }: Recording.Recording, title: string): ReadonlyArray<string> => {
  const model = new Model()
  const packer = new Packer()
  for (const entry of entries) {
    model.add(entry)
    packer.add(entry)
  }
  packer.flush()
  return Page.make(model.data, headOf(title, header), packer.packed)
}

const check = (error: Recording.RecordingError | undefined): void => {
  if (error !== undefined) throw error
}

/** Reads a recording from its file, of any length, and returns its page in parts. */
export const ofFile = async (file: string, title: string): Promise<ReadonlyArray<string>> => {
  const packer = new Packer()
  const growing = new Growing(file, (entry) => packer.add(entry))
  try {
    const handle = await open(file)
    try {
      const buffer = Buffer.allocUnsafe(blockSize)
      while (true) {
        const { bytesRead } = await handle.read(buffer, 0, blockSize)
        if (bytesRead === 0) break
        check(growing.read(buffer.subarray(0, bytesRead)))
      }
    } finally {
      await handle.close()
    }
  } catch (cause) {
    throw cause instanceof Recording.RecordingError ? cause : Recording.unreadable(file, cause)
  }
  check(growing.end())
  packer.flush()
  return Page.make(growing.data, headOf(title, growing.header!), packer.packed)
}
