/**
 * A reader of the standard error of a process: it logs each line, and keeps the last ones for error messages.
 */
import * as Effect from "effect/Effect"
import type { Buffer } from "node:buffer"
import { Lines } from "../base/Lines.ts"
import { printable } from "../base/printable.ts"
import { type Hide, maxSecret } from "../base/secrets.ts"
import { codec } from "./bytes.ts"

/** The largest number of lines, and of their characters together, that are kept. */
const maxLines = 40
const maxLength = 16_384

const shortened = "… (shortened)"

export class Tail {
  private readonly hide: Hide
  // A character takes at most four bytes.
  private readonly lines = new Lines(codec, 4 * (maxLength + maxSecret))
  private kept: Array<string> = []
  private length = 0

  /** `hide` replaces secrets in a line. */
  constructor(hide: Hide) {
    this.hide = hide
  }

  /** The last lines, of limited length. */
  get text(): string {
    return this.kept.join("\n")
  }

  /** Adds bytes. Returns an Effect that logs the lines that end in them, if any. */
  readonly push = (chunk: Buffer): Effect.Effect<void> | undefined => this.log(this.lines.push(chunk))

  /** Logs the unfinished line, at the end of the input. */
  readonly end: Effect.Effect<void> = Effect.suspend(() => this.log(this.lines.end()) ?? Effect.void)

  private log(lines: ReadonlyArray<string>): Effect.Effect<void> | undefined {
    if (lines.length === 0) return undefined
    const shown = lines.map((line) => this.show(line))
    for (const line of shown) this.keep(line)
    return Effect.forEach(shown, (line) => Effect.logDebug(line), { discard: true })
  }

  private keep(line: string): void {
    this.kept.push(line)
    this.length += line.length
    while (this.kept.length > maxLines || this.length > maxLength) this.length -= this.kept.shift()!.length
  }

  /** Returns a line without secrets and control characters, cut to a length that fits. */
  private show(line: string): string {
    const seen = line.slice(0, maxLength + maxSecret)
    const isWhole = seen.length === line.length
    const hidden = this.hide(isWhole && seen.endsWith("\r") ? seen.slice(0, -1) : seen)
    // The end of a line that was cut may hold the start of a secret.
    const shown = printable(isWhole ? hidden : hidden.slice(0, Math.max(0, hidden.length - maxSecret)))
    return isWhole && shown.length <= maxLength ? shown : `${shown.slice(0, maxLength - shortened.length)}${shortened}`
  }
}
