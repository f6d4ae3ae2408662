/**
 * Pieces of text in notifications: deltas, whose text continues in later messages of the same channel.
 */
import { isMessage, type Message } from "../format/Recording.ts"
import { decodeBase64, encodeBase64 } from "../masking/bytes.ts"
import type { Masker } from "../masking/Masker.ts"

/** The encoding of a piece of text in its field. */
export interface Coding {
  readonly decode: (field: string) => string
  readonly encode: (text: string) => string
  readonly mask: (masker: Masker, text: string) => string
  /** Returns true if the text is masked the same way, whatever comes next. */
  readonly isDecided: (masker: Masker, text: string) => boolean
}

const codings: ReadonlyArray<readonly [field: string, coding: Coding]> = [
  ["delta", {
    decode: (field) => field,
    encode: (text) => text,
    mask: (masker, text) => masker.text(text),
    isDecided: (masker, text) => masker.decided(text)
  }],
  // Bytes, a character each: a piece may end within a character, or may not be text at all.
  ["deltaBase64", {
    decode: decodeBase64,
    encode: encodeBase64,
    mask: (masker, bytes) => masker.bytes(bytes),
    isDecided: (masker, bytes) => masker.decidedBytes(bytes)
  }]
]

/** The piece of text that a notification contains. */
export interface Piece {
  /** Identifies the text that the piece belongs to. It begins with the {@link placeOf} of the message. */
  readonly channel: string
  readonly coding: Coding
  readonly text: string
  /** Returns the message with another text, and its further fields masked. */
  readonly withText: (masker: Masker, text: string) => Message
}

/** The place of messages that belong to no thread. */
export const nowhere = "- "

/** Returns the place that a message belongs to: its thread, and its item if it names one. */
export const placeOf = ({ params }: Message): string => {
  if (!isMessage(params) || typeof params["threadId"] !== "string") return nowhere
  const item = params["item"]
  const id = params["itemId"] ?? (isMessage(item) ? item["id"] : undefined)
  return `${params["threadId"]} ${typeof id === "string" ? `${id} ` : ""}`
}

/** Fields that distinguish the texts of one place. */
const channelFields = ["summaryIndex", "contentIndex", "processId", "processHandle", "stream", "role"]

/** Returns the piece of text in a notification, if it contains one. */
export const pieceOf = (message: Message): Piece | undefined => {
  const { id, params } = message
  if (id !== undefined || !isMessage(params)) return undefined
  for (const [field, coding] of codings) {
    const value = params[field]
    if (typeof value !== "string") continue
    return {
      channel: `${placeOf(message)} ${JSON.stringify(channelFields.map((field) => params[field]))} ${field}`,
      coding,
      text: coding.decode(value),
      withText: (masker, text) => {
        const { [field]: _, ...rest } = params
        const masked = masker.message({ ...message, params: rest })
        return {
          ...masked,
          params: { ...(isMessage(masked["params"]) ? masked["params"] : {}), [field]: coding.encode(text) }
        }
      }
    }
  }
  return undefined
}
