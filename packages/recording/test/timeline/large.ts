/** Large recordings, written piece by piece. */
import * as Recording from "@effect-codex/recording/Recording"
import * as Fs from "node:fs"

/** Returns words that do not repeat, so that they compress like those of a person. */
const words = () => {
  let state = 1
  return (count: number): string =>
    Array.from({ length: count }, () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state.toString(36).slice(0, 3 + state % 5)
    }).join(" ")
}

const tokens = (totalTokens: number) => ({ totalTokens, inputTokens: 10, outputTokens: 5 })

/** The lines of a recording of so many messages: threads that all speak at once, a turn with 245 pieces of text each. */
export function* lines(messages: number, threads = 40, length = 250): Generator<string> {
  yield Recording.headerLine({ server: "effect-codex/0.171.0", startedAt: "2026-11-21T12:00:00.000Z" })
  const say = words()
  for (let number = 0; number < messages; number++) {
    const index = number % threads
    const step = Math.floor(number / threads) % length
    const turn = Math.floor(number / threads / length)
    const place = {
      threadId: `01a1fdc8-8203-7071-8652-${String(index).padStart(12, "0")}`,
      turnId: `01a1fdc8-9f11-7b63-${String(turn).padStart(4, "0")}-${String(index).padStart(12, "0")}`
    }
    const itemId = `msg_${turn}_${index}`
    const [method, params] = step === 0
      ? ["turn/started", { threadId: place.threadId, turn: { id: place.turnId, status: "inProgress", items: [] } }]
      : step === 1
      ? ["item/started", { ...place, item: { type: "agentMessage", id: itemId, text: "" } }]
      : step < length - 3
      ? ["item/agentMessage/delta", { ...place, itemId, delta: ` word${step} ${say(1)}` }]
      : step === length - 3
      ? ["item/completed", {
        ...place,
        item: { type: "agentMessage", id: itemId, text: `Answer ${turn} of thread ${index}. ${say(200)}` }
      }]
      : step === length - 2
      ? ["thread/tokenUsage/updated", {
        ...place,
        tokenUsage: { last: tokens(100), total: tokens(100 * (turn + 1)) }
      }]
      : ["turn/completed", { threadId: place.threadId, turn: { id: place.turnId, status: "completed", items: [] } }]
    yield JSON.stringify({ at: number / 2, connection: 1, received: { method, params } })
  }
}

/** Writes a recording of so many messages. */
export const write = (file: string, messages: number, threads?: number, length?: number): void => {
  const descriptor = Fs.openSync(file, "w")
  let block: Array<string> = []
  const flush = () => {
    Fs.writeSync(descriptor, block.map((line) => `${line}\n`).join(""))
    block = []
  }
  for (const line of lines(messages, threads, length)) if (block.push(line) === 5000) flush()
  flush()
  Fs.closeSync(descriptor)
}
