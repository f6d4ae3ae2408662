/**
 * The base of this package's error classes: printing one shows its message first, and no content of a conversation.
 *
 * Errors of Effect Schema print as their fields alone, and Node prints every enumerable field of an uncaught error.
 */
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Schema from "effect/Schema"
import { printable } from "./printable.ts"

/** Fields that hold prompts, answers or whole messages. They can be read, but are not printed. */
const quiet = ["result", "raw", "text", "data"]

/** Makes the quiet fields of an error not enumerable, and returns the others, with its cause. */
const quieten = (error: Error): object => {
  for (const field of quiet) {
    if (Object.hasOwn(error, field)) Object.defineProperty(error, field, { enumerable: false })
  }
  return error.cause === undefined ? { ...error } : { ...error, cause: error.cause }
}

/** Prints a value inside another one, as Node, Bun and Deno pass it to custom inspection. */
type Inspect = (value: unknown, options?: object) => string

/** An error class to extend with `PrintedError.extend`. */
export class PrintedError extends Schema.Error<PrintedError>("effect-codex/PrintedError")({}) {
  readonly #printed = quieten(this)

  /** Returns the message and the fields that are printed. */
  override toJSON(): object {
    return { ...this.#printed, message: this.message }
  }

  override [NodeInspectSymbol](_depth?: number, options?: object, inspect?: Inspect): unknown {
    if (inspect === undefined) return this.toJSON()
    const heading = `${this.name}: ${this.message}`
    const stack = this.stack ?? ""
    // Some engines leave the message out of the stack.
    const shown = stack.startsWith(heading) ? stack : [heading, ...stack.match(/^ +at .*$/gm) ?? []].join("\n")
    // Without colors: after `printable` they would be text.
    return `${shown} ${printable(inspect(this.#printed, { ...options, colors: false, stylize: String }))}`
  }
}
