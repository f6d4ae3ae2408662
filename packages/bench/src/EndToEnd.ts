/**
 * The turns benchmark: sequential turns on the real binary, with a scripted model that answers at once.
 */
import * as CodexHome from "@effect-codex/testing/CodexHome"
import * as ScriptedModel from "@effect-codex/testing/ScriptedModel"
import * as TestCodex from "@effect-codex/testing/TestCodex"
import * as ProcessOptions from "effect-codex/ProcessOptions"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { median, type Row, summary } from "./Measure.ts"
import * as Script from "./Script.ts"

/** The times of one run, in milliseconds. */
export interface Turns {
  /** The time from the program's first statement to a ready thread. `@openai/codex-sdk` has started no process by then. */
  readonly start: number
  readonly turns: ReadonlyArray<number>
  /** The time for start, turns, and the end of the process. */
  readonly total: number
}

const clients = {
  plain: "plain promise client",
  "effect-codex": "effect-codex thread.run",
  openai: "@openai/codex-sdk, a process per turn"
}
type Client = keyof typeof clients

const count = 20

export const run = Effect.fnUntraced(function*(quick: boolean) {
  const home = yield* CodexHome.CodexHome
  const { program } = yield* ProcessOptions.command()
  const measure = (client: Client) =>
    Script.run<Turns>("turns", [client, program, home.workspace, String(count)], { env: home.env })
  const rounds = yield* Effect.replicateEffect(
    Effect.all({ plain: measure("plain"), "effect-codex": measure("effect-codex"), openai: measure("openai") }),
    quick ? 1 : 3
  )
  const rows = (section: string, of: (turns: Turns) => number) =>
    (["plain", "effect-codex", "openai"] as const).map((client): Row => ({
      section: `real binary: ${section}`,
      name: clients[client],
      unit: "ms",
      value: summary(rounds.map((round) => of(round[client]))),
      ratio: { median: median(rounds.map((round) => of(round[client]) / of(round.plain))) }
    }))
  return [
    ...rows("start-up and first turn", ({ start, turns }) => start + turns[0]!),
    ...rows("each later turn", ({ turns }) => median(turns.slice(1))),
    ...rows(`${count} turns, start to exit`, ({ total }) => total)
  ]
}, Effect.provide(CodexHome.layer().pipe(Layer.provide(ScriptedModel.layer(TestCodex.echo)))))
