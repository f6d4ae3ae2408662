/**
 * A reader of the traffic. It starts the turns, then delivers every message to the consumer of its turn.
 */
import { type Message, PlainClient } from "../PlainClient.ts"
import * as Traffic from "../Traffic.ts"

export interface Reader {
  /** Starts the server and its turns. `server` is the command line of the synthetic app-server. */
  readonly open: (server: readonly [string, ...Array<string>], scenario: Traffic.Scenario) => Promise<Session>
}

export interface Session {
  /** Starts the traffic and waits until all of it is delivered. */
  readonly pour: () => Promise<Seen>
  readonly close: () => Promise<void>
}

/** The counts of each turn, as far as the reader inspects the messages, or of all turns together. */
export type Seen =
  | { readonly turns: ReadonlyArray<Partial<Traffic.Counts>> }
  | { readonly total: Traffic.Counts }

/** Counts a message. */
export const count = (counts: Traffic.Counts, { method, params }: Message): void => {
  counts.messages++
  if (method === "item/agentMessage/delta") counts.text += params.delta!.length
  else if (method === "item/commandExecution/outputDelta") counts.output += params.delta!.length
}

/** Describes how the counts are wrong. Returns `undefined` if they are right. */
export const problem = (seen: Seen, { turns, ...scenario }: Traffic.Scenario): string | undefined => {
  const expected = Traffic.expected({ turns, ...scenario })
  const [found, factor] = "total" in seen ? [[seen.total], turns] : [seen.turns, 1]
  if (factor === 1 && found.length !== turns) return `${found.length} turns instead of ${turns}`
  for (const counts of found) {
    for (const [name, count] of Object.entries(counts)) {
      const right = expected[name as keyof Traffic.Counts] * factor
      if (count !== right) return `${count} ${name} instead of ${right}`
    }
  }
  return undefined
}

/** A reader that passes every message to one callback, which counts by turn. This is the minimum of routing. */
export const counting = (listen: (client: PlainClient, onMessage: (message: Message) => void) => void): Reader => ({
  open: async (server, { turns }) => {
    const client = new PlainClient(server)
    await startTurns(client, turns)
    client.child.stdout.removeAllListeners("data")
    return {
      pour: () =>
        new Promise((resolve) => {
          const counts = new Map(
            Array.from({ length: turns }, (_, index) => [Traffic.turnId(index), Traffic.noCounts()])
          )
          let ended = 0
          listen(client, (message) => {
            count(counts.get(message.params.turnId ?? message.params.turn!.id)!, message)
            if (message.method === "turn/completed" && ++ended === turns) resolve({ turns: [...counts.values()] })
          })
          client.notify("bench/pour")
        }),
      close: () => client.close()
    }
  }
})

/** Starts the turns with a plain client, for readers that can't start them. */
export const startTurns = async (client: PlainClient, turns: number): Promise<void> => {
  await client.initialize()
  for (let index = 0; index < turns; index++) {
    await client.request("thread/start", {})
    await client.request("turn/start", { threadId: Traffic.threadId(index), input: [{ type: "text", text: "go" }] })
  }
}
