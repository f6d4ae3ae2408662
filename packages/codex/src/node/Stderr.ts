/**
 * The standard error of a process: logged line by line, and its end kept for error messages.
 */
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { Lines } from "../base/Lines.ts"
import { codec } from "./bytes.ts"

/** How many lines are kept, and how many characters of them. */
const maxLines = 40
const maxLength = 16_384

/** Shorter secrets are part of any text: hiding them would tell more than it hides. */
const minSecret = 6

export class Tail {
  private readonly secrets: ReadonlyArray<string>
  private readonly lines: Lines<Buffer>
  private kept: Array<string> = []
  private length = 0

  /** `secrets` never appear in a line. One of several lines is hidden line by line. */
  constructor(secrets: ReadonlyArray<string>) {
    this.secrets = secrets.flatMap((secret) => secret.split(/\r?\n/)).filter(({ length }) => length >= minSecret)
      // One that contains another goes first.
      .sort((a, b) => b.length - a.length)
    // Every character may take four bytes, and the whole of a secret that begins in what is shown has to be seen.
    this.lines = new Lines(codec, 4 * (maxLength + this.longestSecret))
  }

  /** The last lines, of bounded length. */
  get text(): string {
    return this.kept.join("\n")
  }

  /** Takes bytes; returns the logging of the lines that end in them. */
  readonly push = (chunk: Buffer): Effect.Effect<void> | undefined => this.log(this.lines.push(chunk))

  /** Takes the line that has begun. */
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

  /** A line without secrets, cut to a length that fits the tail. */
  private show(line: string): string {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line
    const seen = text.slice(0, maxLength + this.longestSecret)
    const hidden = this.secrets.reduce((line, secret) => line.replaceAll(secret, "<redacted>"), seen)
    if (seen.length === text.length && hidden.length <= maxLength) return hidden
    // A secret may begin in the last characters, and go on in what is not seen.
    return `${hidden.slice(0, Math.min(maxLength, hidden.length - this.longestSecret) - shortened.length)}${shortened}`
  }

  private get longestSecret(): number {
    return this.secrets[0]?.length ?? 0
  }
}

const shortened = "… (shortened)"
