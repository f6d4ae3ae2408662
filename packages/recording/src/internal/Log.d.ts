/**
 * Turns what passes over the wire into the lines of a recording, masked, and in the order in which it passed.
 *
 * Text that arrives in pieces is masked as a whole: a piece whose last word may go on in the next one is held back, with
 * everything after it, until that is known.
 */
import * as Recording from "../Recording.ts"
import { type Masker } from "./Masker.ts"
export declare class Log {
  /** Set when the file can't be written. */
  broken: boolean
  private readonly start
  private readonly startedAt
  private readonly write
  private readonly masker
  private hasHeader
  private server
  private lines
  /** Pieces that are held back, by the text they are of. */
  private readonly held
  private readonly ends
  constructor(write: (lines: string) => void, masker: Masker)
  sent(connection: number, text: string): void
  received(connection: number, texts: ReadonlyArray<string>): void
  /** The first end of a connection counts. */
  ended(connection: number, error: Recording.Ending): void
  /** Writes what is left. */
  close(): void
  private now
  private add
  private push
  private lineOf
  private hold
  /** Masks what was held back of some texts, or of all, and lets it go. */
  private settle
  /** Writes the lines that are complete, up to the first that is not. */
  private flush
  private writeHeader
}
// # sourceMappingURL=Log.d.ts.map
