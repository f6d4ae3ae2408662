/**
 * The cluster benchmark: a hosted thread next to one of the SDK alone, on the real binary, PostgreSQL, and a scripted model that
 * answers at once. The client, the runner and the model are processes of their own.
 */
import * as CodexHome from "@effect-codex/testing/CodexHome"
import * as Reply from "@effect-codex/testing/Reply"
import * as ScriptedModel from "@effect-codex/testing/ScriptedModel"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Postgres from "../../cluster/test/postgres.ts"
import { added } from "./Imports.ts"
import { type Goal, median, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"
import type { Both, Figures, Options } from "./scripts/cluster/client.ts"

/** Answers `deltas N` with so many pieces of text, and any other text with that text. */
const script: ScriptedModel.Script = {
  respond: ({ lastUserText = "" }) => {
    const count = /^deltas (\d+)$/.exec(lastUserText)?.[1]
    return count === undefined
      ? Reply.text(lastUserText)
      : Reply.message({ deltas: Array.from({ length: Number(count) }, (_, index) => `word ${index} `) })
  }
}

const ratioOf = ({ direct, hosted }: Both): number => median(hosted.map((value, index) => value / direct[index]!))

/** Rows of the same thing by both ways: the ratios are those of the pairs. */
const pair = (
  section: string,
  name: string,
  unit: string,
  both: Both,
  goal?: Goal,
  cpu?: Both
): ReadonlyArray<Row> => [
  {
    section,
    name: `${name}: direct`,
    unit,
    value: summary(both.direct),
    ratio: { median: 1 },
    cpu: cpu && { median: 1 }
  },
  {
    section,
    name: `${name}: hosted`,
    unit,
    value: summary(both.hosted),
    ratio: { median: ratioOf(both), goal },
    cpu: cpu && { median: ratioOf(cpu) }
  }
]

const rowsOf = (section: string, figures: Figures): ReadonlyArray<Row> => {
  const row = (name: string, unit: string, values: ReadonlyArray<number>, goal?: Goal): Row => ({
    section,
    name,
    unit,
    value: values.length === 1 ? { median: values[0]! } : summary(values),
    goal
  })
  /** A row of differences: their spread, relative to a median near zero, says nothing. */
  const difference = (name: string, differences: ReadonlyArray<number>, goal?: Goal): Row => ({
    section,
    name,
    unit: "ms",
    value: { median: median(differences) },
    goal
  })
  const later = (name: string, { direct, hosted }: Both, goal?: Goal): Row =>
    difference(`${name}: hosted later than direct`, hosted.map((value, index) => value - direct[index]!), goal)
  return [
    ...pair(section, "turn", "ms", figures.turn),
    later("turn", figures.turn, { atMost: 20, goal: 10 }),
    later("first event", figures.firstEvent, { atMost: 15 }),
    later("turn with its events", figures.events),
    difference("end of the events after the result", figures.end, { atMost: 30 }),
    ...pair(section, "5,000 deltas", "deltas/s", figures.deltas, { atLeast: 0.9, goal: 0.95 }, figures.deltasCpu),
    row("round trip", "ms", figures.roundTrip, { atMost: 2 }),
    row("repeated key", "ms", figures.repeated),
    row("accepted runs, 64 at once", "runs/s", [figures.accepted], { atLeast: 400 }),
    row("turns on 16 threads at once", "turns/s", [figures.parallel]),
    row("reopening of a released thread", "ms", figures.reopening, { atMost: 150 }),
    row("runner: memory of an idle thread after a turn", "kB", [figures.resident], { atMost: 60 }),
    row("runner: memory of a name without a turn", "kB", [figures.idle]),
    row("database: a short run", "kB", [figures.stored]),
    row("a killed runner: its 12 threads answer, failover 4 s", "ms", [figures.failover])
  ]
}

export const run = Effect.fnUntraced(function*(quick: boolean) {
  const home = yield* CodexHome.CodexHome
  const { url } = yield* Postgres.Postgres
  const rows: Array<Row> = []
  for (const serialization of ["binary", "ndjson"] as const) {
    const options: Options = { database: url, workspace: home.workspace, env: home.env, serialization, quick }
    const figures = yield* Script.run<Figures>("cluster/client", [JSON.stringify(options)])
    rows.push(...rowsOf(`cluster, ${serialization}`, figures))
  }
  const client = yield* added(quick, "@effect-codex/cluster/HostedThreads")
  return [...rows, ...client]
}, Effect.provide(Layer.merge(Postgres.layer, CodexHome.layer().pipe(Layer.provideMerge(ScriptedModel.layer(script))))))
