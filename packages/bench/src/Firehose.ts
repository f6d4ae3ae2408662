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

/** A reading, and what the limit was around it. */
interface Compared {
  readonly own: Reading
  readonly limit: Pick<Reading, "wall" | "cpu">
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
    rounds: quick ? 3 : 9,
    readers: ["plain", "stream", "stream-each", "text", "run", "vscode-jsonrpc", "acp"],
    goals: {
      "stream": { speed: { atLeast: 0.7 }, cpu: { atMost: 1.5 } },
      "run": { speed: { atLeast: 0.8 }, cpu: { atMost: 1.3 } }
    }
  },
  {
    scenario: { name: "64 turns, 256 KiB a write", turns: 64, messages: quick ? 1_250 : 5_000, write: 256 * 1024 },
    rounds: quick ? 2 : 9,
    readers: ["plain", "stream", "run"],
    goals: { "stream": { speed: { atLeast: 0.65 } }, "run": { speed: { atLeast: 0.65 } } }
  },
  {
    scenario: { name: "16 turns, a message a write", turns: 16, messages: quick ? 1_250 : 5_000, write: 0 },
    rounds: quick ? 2 : 9,
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

  /** The limit is measured before and after each reader: a machine gets slower and faster. */
  const round = Effect.gen(function*() {
    let before = yield* read("limit")
    const readings: Array<readonly [ReaderName, Compared]> = []
    for (const reader of readers) {
      const own = yield* read(reader)
      const after = yield* read("limit")
      const limit = { wall: (before.wall + after.wall) / 2, cpu: (before.cpu + after.cpu) / 2 }
      readings.push([reader, { own, limit }])
      before = after
    }
    return new Map<ReaderName, Compared>([["limit", { own: before, limit: before }], ...readings])
  })
  const results = yield* Effect.replicateEffect(round, rounds)

  const messages = Traffic.expected(scenario).messages * scenario.turns
  return (["limit", ...readers] as const).map((reader): Row => {
    const readings = results.map((round) => round.get(reader)!)
    const ratio = (share: (of: Compared) => number, goal?: Goal): Ratio => ({
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
