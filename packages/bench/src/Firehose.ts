/**
 * Many turns at once, as fast as they can be read: how much a reader costs for each message.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import { type Goal, median, type Ratio, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"
import * as Traffic from "./Traffic.ts"

/** What one reader took, in one process of its own. */
export interface Reading {
  /** From the order to pour until all was delivered, in milliseconds. */
  readonly wall: number
  /** CPU time of the reader's process in that time, in milliseconds. */
  readonly cpu: number
  /** MiB of resident memory at most, above what the process had when the pouring began. */
  readonly peak: number
  /** MiB that the heap holds more than before, after a garbage collection. */
  readonly kept: number
}

const names = {
  "limit": "split and JSON.parse, nothing else",
  "plain": "plain JavaScript, an async iterator a turn",
  "stream": "effect-codex turn.stream, by the chunk",
  "stream-each": "effect-codex turn.stream, by the event",
  "text": "effect-codex turn.text",
  "run": "effect-codex thread.run",
  "vscode-jsonrpc": "vscode-jsonrpc, a callback",
  "acp": "@agentclientprotocol/sdk, a callback"
}

export type ReaderName = keyof typeof names

interface Goals {
  readonly speed: Goal
  readonly cpu?: Goal
}

interface Plan {
  readonly scenario: Traffic.Scenario
  readonly rounds: number
  readonly readers: ReadonlyArray<ReaderName>
  readonly goals: { readonly [Name in ReaderName]?: Goals }
}

const plans = (quick: boolean): ReadonlyArray<Plan> => [
  {
    scenario: { name: "16 turns, 256 KiB a write", turns: 16, messages: quick ? 5_000 : 20_000, write: 256 * 1024 },
    rounds: quick ? 3 : 5,
    readers: ["plain", "stream", "stream-each", "text", "run", "vscode-jsonrpc", "acp"],
    goals: {
      "stream": { speed: { atLeast: 0.7 }, cpu: { atMost: 1.5 } },
      "run": { speed: { atLeast: 0.8 }, cpu: { atMost: 1.3 } }
    }
  },
  {
    scenario: { name: "64 turns, 256 KiB a write", turns: 64, messages: quick ? 1_250 : 5_000, write: 256 * 1024 },
    rounds: quick ? 2 : 5,
    readers: ["plain", "stream", "run"],
    goals: { "stream": { speed: { atLeast: 0.65 } }, "run": { speed: { atLeast: 0.65 } } }
  },
  {
    scenario: { name: "16 turns, a message a write", turns: 16, messages: quick ? 1_250 : 5_000, write: 0 },
    rounds: quick ? 2 : 5,
    readers: ["plain", "stream", "run"],
    goals: { "stream": { speed: { atLeast: 0.65 } }, "run": { speed: { atLeast: 0.65 } } }
  }
]

const perform = Effect.fnUntraced(function*({ goals, readers, rounds, scenario }: Plan) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-bench-" }), "traffic.jsonl")
  yield* fs.writeFileString(file, Array.from(Traffic.lines(scenario)).join(""))
  const read = (reader: ReaderName) =>
    Script.run<Reading>("read", [reader, file, JSON.stringify(scenario)], { flags: ["--expose-gc"] })

  /** The limit is measured at both ends of a round: a machine gets slower and faster. */
  const round = Effect.gen(function*() {
    const before = yield* read("limit")
    const readings = yield* Effect.forEach(
      readers,
      (reader) => Effect.map(read(reader), (reading) => [reader, reading] as const)
    )
    const after = yield* read("limit")
    const limit = { ...after, wall: (before.wall + after.wall) / 2, cpu: (before.cpu + after.cpu) / 2 }
    return new Map([["limit" as ReaderName, limit], ...readings])
  })
  const results = yield* Effect.replicateEffect(round, rounds)

  const messages = Traffic.expected(scenario).messages * scenario.turns
  return (["limit", ...readers] as const).map((reader): Row => {
    const readings = results.map((round) => ({ own: round.get(reader)!, limit: round.get("limit")! }))
    const ratio = (share: (of: { readonly own: Reading; readonly limit: Reading }) => number, goal?: Goal): Ratio => ({
      median: median(readings.map(share)),
      goal
    })
    return {
      section: scenario.name,
      name: names[reader],
      unit: "k messages/s",
      value: summary(readings.map(({ own }) => messages / own.wall)),
      ratio: ratio(({ limit, own }) => limit.wall / own.wall, goals[reader]?.speed),
      cpu: ratio(({ limit, own }) => own.cpu / limit.cpu, goals[reader]?.cpu),
      peak: median(readings.map(({ own }) => own.peak)),
      kept: median(readings.map(({ own }) => own.kept))
    }
  })
})

export const run = (quick: boolean) =>
  Effect.map(Effect.forEach(plans(quick), (plan) => Effect.scoped(perform(plan))), (rows) => rows.flat())
