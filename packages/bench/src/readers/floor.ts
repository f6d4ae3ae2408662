/** The floor: a reader that splits and parses lines. No client that uses `JSON.parse` can be faster. */
import { type Message, PlainClient, splitLines } from "../PlainClient.ts"
import * as Traffic from "../Traffic.ts"
import { count, type Reader, startTurns } from "./Reader.ts"

export const reader: Reader = {
  open: async (server, scenario) => {
    const client = new PlainClient(server)
    await startTurns(client, scenario.turns)
    return {
      pour: () =>
        new Promise((resolve) => {
          const total = Traffic.noCounts()
          const messages = Traffic.expected(scenario).messages * scenario.turns
          client.child.stdout.removeAllListeners("data")
          client.child.stdout.on(
            "data",
            splitLines((line) => {
              count(total, JSON.parse(line) as Message)
              if (total.messages === messages) resolve({ total })
            })
          )
          client.notify("bench/pour")
        }),
      close: () => client.close()
    }
  }
}
