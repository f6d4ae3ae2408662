import { Replay } from "@effect-codex/recording"
import * as Timeline from "@effect-codex/recording/Timeline"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { dataOf, grown } from "./data.ts"
import { hostile, sequence } from "./hostile.ts"

/** The number of recordings for each test: 200 for `npm run fuzz`. */
const runs = Math.ceil(Number(process.env["CODEX_FUZZ"] ?? 1_500) / 50)

const kinds = ["turn", "user", "message", "reasoning", "command", "files", "tool", "approval", "request", "other"]

describe("a recording that no server writes", () => {
  it.prop(
    "has a timeline of every message",
    { seed: Schema.Int },
    ({ seed }) => {
      const recording = hostile(20, sequence(seed))
      const { events, lanes, spans } = dataOf(Timeline.html(recording))
      assert.lengthOf(events.text, recording.entries.length)
      for (const { detail, kind, label, lane, line } of spans) {
        assert.include(kinds, kind)
        assert.deepStrictEqual([typeof label, typeof detail], ["string", "string"])
        assert.isBelow(line, lanes[lane]!.rows.reduce((sum, rows) => sum + rows, 0))
      }
      // The spans of a row never overlap.
      const ends = new Map<string, number>()
      for (const { end, lane, line, start } of spans.toSorted((a, b) => a.start - b.start)) {
        assert.isAtMost(ends.get(`${lane} ${line}`) ?? 0, start)
        ends.set(`${lane} ${line}`, end ?? Infinity)
      }
      for (const { subtitle, title } of lanes) {
        assert.deepStrictEqual([typeof title, typeof subtitle], ["string", "string"])
      }
    },
    { arbitrary: { runs }, timeout: 120_000 }
  )

  it.prop(
    "has the same timeline if it is drawn message by message",
    { seed: Schema.Int },
    ({ seed }) => {
      const recording = hostile(40, sequence(seed))
      assert.deepStrictEqual({ ...grown(recording), events: [] }, { ...dataOf(Timeline.html(recording)), events: [] })
    },
    { arbitrary: { runs }, timeout: 120_000 }
  )

  it.effect.prop(
    "can be replayed",
    { seed: Schema.Int },
    ({ seed }) => {
      const recording = hostile(20, sequence(seed))
      const { transport } = Replay.make(recording)
      return Effect.scoped(Effect.gen(function*() {
        const { send } = yield* transport.connect
        for (const entry of recording.entries) {
          // Out of its order, a message may be refused.
          if (entry._tag === "Sent") yield* Effect.ignore(send(JSON.stringify(entry.message)))
        }
      }))
    },
    { arbitrary: { runs }, timeout: 120_000 }
  )
})
