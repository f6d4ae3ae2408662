/**
 * Deltas: notifications that carry a piece of a text which its completed item repeats as a whole.
 */
import type { ServerNotificationMethod } from "@effect-codex/protocol/Methods"

const list = [
  "item/agentMessage/delta",
  "item/commandExecution/outputDelta",
  "item/reasoning/summaryTextDelta",
  "item/reasoning/textDelta",
  "item/plan/delta"
] as const satisfies ReadonlyArray<ServerNotificationMethod>

/** The method of a delta. */
export type Method = typeof list[number]

/** The methods of deltas. */
export const methods: ReadonlySet<string> = new Set(list)

/** The texts with which the server begins a delta. */
const openings = list.map((method) => `{"method":"${method}",`)

/** Returns true if a message is a delta. It need not be parsed: the server writes the method first. */
export const isDelta = (text: string): boolean => {
  for (let index = 0; index < openings.length; index++) if (text.startsWith(openings[index]!)) return true
  return false
}
