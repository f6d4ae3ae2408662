/** A reader on the plain JavaScript client. It routes messages to one async iterator per turn, without validation. */
import { type Message, PlainClient } from "../PlainClient.ts"
import * as Traffic from "../Traffic.ts"
import { count, type Reader, startTurns } from "./Reader.ts"

/** A queue that is an async iterator. */
class Events implements AsyncIterableIterator<Message> {
  private readonly waiting: Array<(result: IteratorResult<Message>) => void> = []
  private items: Array<Message> = []
  private next_ = 0

  push(message: Message): void {
    const resolve = this.waiting.shift()
    if (resolve === undefined) this.items.push(message)
    else resolve({ done: false, value: message })
  }

  next(): Promise<IteratorResult<Message>> {
    if (this.next_ < this.items.length) {
      return Promise.resolve({ done: false, value: this.items[this.next_++]! })
    }
    this.items = []
    this.next_ = 0
    return new Promise((resolve) => this.waiting.push(resolve))
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

const consume = async (events: Events): Promise<Traffic.Counts> => {
  const counts = Traffic.noCounts()
  for await (const message of events) {
    count(counts, message)
    if (message.method === "turn/completed") break
  }
  return counts
}

export const reader: Reader = {
  open: async (server, { turns }) => {
    const client = new PlainClient(server)
    await startTurns(client, turns)
    const events = new Map(Array.from({ length: turns }, (_, index) => [Traffic.turnId(index), new Events()]))
    client.onNotification = (message) => {
      const turnId = message.params.turnId ?? message.params.turn?.id
      if (turnId !== undefined) events.get(turnId)?.push(message)
    }
    return {
      pour: async () => {
        const consumers = Promise.all(Array.from(events.values(), consume))
        client.notify("bench/pour")
        return { turns: await consumers }
      },
      close: () => client.close()
    }
  }
}
