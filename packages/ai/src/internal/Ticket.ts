/**
 * Tickets: the state that travels with a conversation, in the metadata of its parts.
 *
 * A ticket names the thread and turn that a part comes from. Its digest covers everything that the model has seen up to that
 * part, so a conversation that was edited in between is noticed, and continues on a thread of its own.
 */
import type * as Prompt from "effect/ai/Prompt"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { canonical } from "./json.ts"

/**
 * The state that travels with a conversation, in the metadata of its text and tool call parts. A chat keeps it as it keeps the
 * texts; without it, the conversation continues on a new thread.
 *
 * @category models
 */
export type Ticket = {
  /** The thread that the part comes from. */
  readonly threadId: string
  /** The turn that the part comes from. */
  readonly turnId: string
  /** The digest of the conversation up to the part. */
  readonly head: string
  /** Present if the turn waits for the result of this call. */
  readonly parked?: true
}

const Ticket = Schema.Struct({
  threadId: Schema.String,
  turnId: Schema.String,
  head: Schema.String,
  parked: Schema.optionalKey(Schema.Literal(true))
})

const decode = Schema.decodeUnknownOption(Ticket)

/** Returns the last ticket of a message. */
export const ofMessage = ({ content }: Prompt.AssistantMessage): Ticket | undefined => {
  const tickets = content.flatMap(({ options }) => Option.toArray(decode(options["codex"])))
  return tickets.at(-1)
}

/** Returns the digest of a conversation that goes on with a value. */
export const next = (head: string, value: unknown): Effect.Effect<string> =>
  Effect.map(
    Effect.promise(() => crypto.subtle.digest("SHA-256", new TextEncoder().encode(`${head}\n${canonical(value)}`))),
    (digest) => Base64.encode(new Uint8Array(digest))
  )

/** Returns the digest of a conversation that goes on with several values. */
export const advance = (head: string, values: ReadonlyArray<unknown>): Effect.Effect<string> =>
  Effect.reduce(values, () => head, next)
