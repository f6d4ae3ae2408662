/**
 * The firehose benchmark: the cost of a reader per message, with many concurrent turns that arrive as fast as it can read.
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import { type Goal, median, type Ratio, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"
import * as Traffic from "./Traffic.ts"

/** The cost of one reader in a process of its own. */
export interface Reading {
  /** The time from the start of the traffic until all of it is delivered, in milliseconds. */
  readonly wall: number
  /** The CPU time of the reader's process during that time, in milliseconds. */
  readonly cpu: number
  /** The peak of resident memory in MiB, above its value at the start of the traffic. */
  readonly peak: number
  /** The growth of the heap in MiB, after a garbage collection. */
  readonly kept: number
}

/** A reading, and the mean of the base's readings before and after it. */
interface Compared {
  readonly own: Reading
  readonly base: Pick<Reading, "wall" | "cpu">
}

const names = {
  "floor": "floor: line splitting and JSON.parse",
  "plain": "plain JavaScript, an async iterator per turn",
  "stream": "effect-codex turn.stream, per chunk",
  "stream-each": "effect-codex turn.stream, per event",
  "text": "effect-codex turn.text",
  "run": "effect-codex thread.run",
  "vscode-jsonrpc": "vscode-jsonrpc, one callback",
  "acp": "@agentclientprotocol/sdk, one callback",
  "ws": "WebSocket",
  "unix": "Unix socket",
  "ws: effect-ws": "WebSocket: Effect's Socket on ws",
  "ws: effect-global": "WebSocket: Effect's Socket on Node's WebSocket",
  "ws: ws": "WebSocket: ws",
  "ws: global": "WebSocket: Node's WebSocket",
  "unix: effect-ws": "Unix socket: Effect's Socket on ws",
  "unix: ws": "Unix socket: ws"
}

export type ReaderName = keyof typeof names

interface Goals {
  readonly speed?: Goal
  readonly cpu?: Goal
}

interface Plan {
  readonly scenario: Traffic.Scenario
  readonly rounds: number
  /** The reader to which the others are compared. Default: the floor. */
  readonly base?: ReaderName
  readonly readers: ReadonlyArray<ReaderName>
  readonly goals: { readonly [Name in ReaderName]?: Goals }
}

const plans = (quick: boolean): ReadonlyArray<Plan> => [
  {
    scenario: { name: "16 turns, 256 KiB per write", turns: 16, messages: quick ? 5_000 : 20_000, write: 256 * 1024 },
    rounds: quick ? 3 : 9,
    readers: ["plain", "stream", "stream-each", "text", "run", "vscode-jsonrpc", "acp"],
    goals: {
      "stream": { speed: { atLeast: 0.74, goal: 0.85 }, cpu: { atMost: 1.42, goal: 1.25 } },
      "run": { speed: { atLeast: 0.9, goal: 1 }, cpu: { atMost: 1.15, goal: 1.05 } }
    }
  },
  {
    scenario: { name: "64 turns, 256 KiB per write", turns: 64, messages: quick ? 1_250 : 5_000, write: 256 * 1024 },
    rounds: quick ? 2 : 9,
    readers: ["plain", "stream", "run"],
    goals: { "stream": { speed: { atLeast: 0.65 } }, "run": { speed: { atLeast: 0.9 } } }
  },
  {
    scenario: { name: "16 turns, one message per write", turns: 16, messages: quick ? 1_250 : 5_000, write: 0 },
    rounds: quick ? 2 : 9,
    readers: ["plain", "stream", "run"],
    goals: { "stream": { speed: { atLeast: 0.65 } }, "run": { speed: { atLeast: 0.9 } } }
  }
]

const perform = Effect.fnUntraced(function*({ base = "floor", goals, readers, rounds, scenario }: Plan) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const file = path.join(yield* fs.makeTempDirectoryScoped({ prefix: "effect-codex-bench-" }), "traffic.jsonl")
  yield* fs.writeFileString(file, Array.from(Traffic.lines(scenario)).join(""))
  const read = (reader: ReaderName) =>
    Script.run<Reading>("read", [reader, file, JSON.stringify(scenario)], { flags: ["--expose-gc"] })

  /** Measures the base before and after each reader, because the speed of the machine varies. */
  const round = Effect.gen(function*() {
    let before = yield* read(base)
    const readings: Array<readonly [ReaderName, Compared]> = []
    for (const reader of readers) {
      const own = yield* read(reader)
      const after = yield* read(base)
      const mean = { wall: (before.wall + after.wall) / 2, cpu: (before.cpu + after.cpu) / 2 }
      readings.push([reader, { own, base: mean }])
      before = after
    }
    return new Map<ReaderName, Compared>([[base, { own: before, base: before }], ...readings])
  })
  const results = yield* Effect.replicateEffect(round, rounds)

  const messages = Traffic.expected(scenario).messages * scenario.turns
  return [base, ...readers].map((reader): Row => {
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
      ratio: ratio(({ base, own }) => base.wall / own.wall, goals[reader]?.speed),
      cpu: ratio(({ base, own }) => own.cpu / base.cpu, goals[reader]?.cpu),
      peak: median(readings.map(({ own }) => own.peak)),
      kept: median(readings.map(({ own }) => own.kept))
    }
  })
})

const socketPlans = (quick: boolean): ReadonlyArray<Plan> => {
  const limits = { cpu: { atMost: 1.5, goal: 1.2 } }
  const common = { base: "stream", rounds: quick ? 3 : 9, goals: { "ws": limits, "unix": limits } } as const
  return [
    {
      ...common,
      scenario: { name: "sockets, 256 KiB per write", turns: 16, messages: quick ? 5_000 : 20_000, write: 256 * 1024 },
      readers: [
        "ws",
        "unix",
        "ws: effect-ws",
        "unix: effect-ws",
        "ws: ws",
        "unix: ws",
        "ws: effect-global",
        "ws: global"
      ]
    },
    {
      ...common,
      scenario: { name: "sockets, one message per write", turns: 16, messages: quick ? 1_250 : 5_000, write: 0 },
      readers: ["ws", "unix", "ws: effect-ws", "unix: effect-ws", "ws: ws", "unix: ws"]
    }
  ]
}

const performAll = (plans: ReadonlyArray<Plan>) =>
  Effect.map(Effect.forEach(plans, (plan) => Effect.scoped(perform(plan))), (rows) => rows.flat())

export const run = (quick: boolean) => performAll(plans(quick))

/** The same traffic over sockets, relative to standard input and output. */
export const runSockets = (quick: boolean) => performAll(socketPlans(quick))
