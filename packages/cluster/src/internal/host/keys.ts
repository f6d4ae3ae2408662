/**
 * The ids of user messages. They consist of the run's key and, after the first attempt, its number, so a history shows which runs it
 * contains.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"

/** The most turns that are begun for one key. */
export const maxAttempts = 3

/** Returns the id of the message of an attempt. A `#` of the key is doubled, so the id of an attempt is no other key's. */
export const messageId = (turnKey: string, attempt: number): string => {
  const key = turnKey.replaceAll("#", "##")
  return attempt === 1 ? key : `${key}#${attempt}`
}

/** The last turn of a key in a history, and the number of its attempt. */
export interface Found {
  readonly turn: Protocol.Turn
  readonly attempt: number
}

const has = (turn: Protocol.Turn, id: string): boolean =>
  turn.items.some((item) => item.type === "userMessage" && item.clientId === id)

/** Finds the last turn of a key. */
export const find = (turns: ReadonlyArray<Protocol.Turn>, turnKey: string): Found | undefined => {
  for (let attempt = maxAttempts; attempt > 0; attempt--) {
    const id = messageId(turnKey, attempt)
    const turn = turns.find((turn) => has(turn, id))
    if (turn !== undefined) return { turn, attempt }
  }
  return undefined
}
