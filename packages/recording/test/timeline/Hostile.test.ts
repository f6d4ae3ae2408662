import { Replay } from "@effect-codex/recording"
import * as Timeline from "@effect-codex/recording/Timeline"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { gunzipSync } from "node:zlib"
import { hostile, sequence } from "./hostile.ts"

/** The number of recordings for each test: 200 for `npm run fuzz`. */
const runs = Math.ceil(Number(process.env["CODEX_FUZZ"] ?? 1_500) / 50)

const kinds = ["turn", "user", "message", "reasoning", "command", "files", "tool", "approval", "request", "other"]

interface Data {
  readonly lanes: ReadonlyArray<{ readonly title: string; readonly subtitle: string; readonly rows: number }>
  readonly spans: ReadonlyArray<
    {
      readonly kind: string
      readonly lane: number
      readonly row: number
      readonly label: string
      readonly detail: string
    }
  >
  readonly events: { readonly at: ReadonlyArray<number>; readonly text: ReadonlyArray<string> }
}

describe("a recording that no server writes", () => {
  it.prop(
    "has a timeline of every message",
    { seed: Schema.Int },
    ({ seed }) => {
      const recording = hostile(20, sequence(seed))
      const [, data] = /id="data">([^<]*)</.exec(Timeline.html(recording))!
      const { events, lanes, spans } = JSON.parse(gunzipSync(Buffer.from(data!, "base64")).toString()) as Data
      assert.lengthOf(events.text, recording.entries.length)
      for (const { detail, kind, label, lane, row } of spans) {
        assert.include(kinds, kind)
        assert.deepStrictEqual([typeof label, typeof detail], ["string", "string"])
        assert.isBelow(row, lanes[lane]!.rows)
      }
      for (const { subtitle, title } of lanes) {
        assert.deepStrictEqual([typeof title, typeof subtitle], ["string", "string"])
      }
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
