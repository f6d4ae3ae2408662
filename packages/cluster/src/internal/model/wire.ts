/**
 * Events on the wire, and as a host keeps them: JSON, most of it as the server sent it.
 *
 * A model answers in thousands of deltas that differ only in their text and time. Of a delta that continues the one before it, only
 * these two are kept and sent.
 */
import type { ServerNotifications } from "@effect-codex/protocol/Methods"
import type { Known, Notification, Raw } from "effect-codex/Notification"
import * as Predicate from "effect/Predicate"
import type { Followed, Here, HostedEvent, HostEvent } from "./events.ts"
import type { WireEvents } from "./rpcs.ts"

/** A notification that is not as the server sent it: unknown, malformed, or decoded. */
interface Read {
  readonly method: "$read"
  readonly event: Notification
}

/** An event on the wire: of the host, or a notification. */
type Message = HostEvent | Here | Read | Pick<Known<keyof ServerNotifications>, "method" | "params">

/** The methods of the server have no `$`. */
const isOfHost = (message: Message): message is HostEvent | Here | Read => message.method.startsWith("$")

/** A delta as the server sent it, without fields that this module does not know. */
interface DeltaMessage extends Raw {
  readonly method: string
  readonly params: Raw & { readonly delta: string }
  readonly emittedAtMs: number
}

const isDelta = (raw: Raw): raw is DeltaMessage => {
  const { emittedAtMs, params } = raw
  return Predicate.isObject(params) && typeof params["delta"] === "string" && typeof emittedAtMs === "number" &&
    Object.keys(raw).length === 3
}

/** A delta whose other fields equal those of the message before it: its text and its `emittedAtMs`. */
type Piece = readonly [text: string, emittedAtMs: number]

const isPiece = (sent: Message | Piece): sent is Piece => Array.isArray(sent)

/** A delta, as a host keeps it. */
class Delta {
  /** The first of the deltas that continue each other. */
  readonly first: DeltaMessage
  readonly text: string
  readonly emittedAtMs: number

  constructor(first: DeltaMessage, text: string, emittedAtMs: number) {
    this.first = first
    this.text = text
    this.emittedAtMs = emittedAtMs
  }
}

/** An event as a host keeps it: JSON, or a delta. */
export type Entry = string | Delta

const withText = (delta: DeltaMessage, text: string, emittedAtMs: number): DeltaMessage => ({
  ...delta,
  params: { ...delta.params, delta: text },
  emittedAtMs
})

/** True if two deltas have the same fields but for their text and their time. */
const isLike = (one: DeltaMessage, other: DeltaMessage): boolean => {
  if (one.method !== other.method) return false
  let more = 0
  for (const field in one.params) {
    if (field !== "delta" && one.params[field] !== other.params[field]) return false
    more++
  }
  for (const _ in other.params) more--
  return more === 0
}

/** Converts an event of the host. */
export const ofHost = (event: HostEvent | Here): Entry => JSON.stringify(event)

/** Returns a test for the events with which the turns of a key begin. */
export const isStartOf = (turnKey: string): (entry: Entry) => boolean => {
  const text = `{"method":"$turnStarted","turnKey":${JSON.stringify(turnKey)},`
  return (entry) => typeof entry === "string" && entry.startsWith(text)
}

/** Converts a notification. `before` is the entry before it. */
export const ofServer = (event: Notification, before: Entry | undefined): Entry => {
  const { raw } = event
  if (event.method === "$unknown" || event.method === "$undecodable" || event.params !== raw["params"]) {
    const read: Read = { method: "$read", event }
    return JSON.stringify(read)
  }
  if (!isDelta(raw)) return JSON.stringify(raw)
  const first = before instanceof Delta && isLike(before.first, raw) ? before.first : raw
  return new Delta(first, raw.params.delta, raw.emittedAtMs)
}

/** Writes entries that follow each other. The first of them may be anywhere in the log. */
export const write = (entries: ReadonlyArray<Entry>): string => {
  let json = "["
  let first: DeltaMessage | undefined
  entries.forEach((entry, index) => {
    if (index > 0) json += ","
    if (typeof entry === "string") {
      json += entry
      first = undefined
    } else if (entry.first === first) {
      const piece: Piece = [entry.text, entry.emittedAtMs]
      json += JSON.stringify(piece)
    } else {
      first = entry.first
      json += JSON.stringify(withText(first, entry.text, entry.emittedAtMs))
    }
  })
  return `${json}]`
}

/**
 * Reads events from the wire. The host has checked the notifications, so a client needs neither the checks of the protocol nor the time
 * for them.
 */
export const read = ({ epoch, json, seq }: WireEvents): ReadonlyArray<Followed> => {
  // The host writes arrays of these.
  const messages = JSON.parse(json) as ReadonlyArray<Message | Piece>
  let before: Message | undefined
  return messages.map((sent, index): Followed => {
    const cursor = { epoch, seq: seq + index }
    // A piece comes after a delta.
    const message = isPiece(sent) ? withText(before as DeltaMessage, sent[0], sent[1]) as Message : sent
    before = message
    if (!isOfHost(message)) {
      const { method, params } = message
      // Method and parameters belong together, which TypeScript cannot see across the union.
      return { method, params, raw: message as Raw, cursor } as HostedEvent
    }
    return message.method === "$read" ? { ...message.event, cursor } : { ...message, cursor }
  })
}
