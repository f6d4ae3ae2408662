/** The data in a page, put together as the page does it. */
import type { Recording } from "@effect-codex/recording/Recording"
import { gunzipSync } from "node:zlib"
import type { Lane, Mark, Patch, Span } from "../../src/timeline/browser/Timeline.ts"
import { headOf } from "../../src/timeline/Growing.ts"
import { Model } from "../../src/timeline/Model.ts"

export interface Data {
  duration: number
  complete: boolean
  readonly lanes: Array<Lane>
  /** The spans, each with its row in its lane. */
  readonly spans: Array<Span & { readonly line: number }>
  readonly marks: Array<Mark>
  readonly events: { readonly lane: Array<number>; readonly span: Array<number>; readonly text: Array<string> }
}

const rowOf = ({ kind, lane, row }: Span, lanes: ReadonlyArray<Lane>): number => {
  const [turns = 0, parts = 0] = lanes[lane]!.rows
  return kind === "turn" ? row : kind === "request" ? turns + parts + row : turns + row
}

/** Puts patches together. */
export const together = (patches: ReadonlyArray<Patch>, texts: ReadonlyArray<string> = []): Data => {
  const lanes: Array<Lane> = []
  const spans: Array<Span> = []
  const data: Omit<Data, "spans"> = {
    duration: patches.at(-1)!.duration,
    complete: patches.at(-1)!.complete,
    lanes,
    marks: patches.flatMap(({ marks }) => marks),
    events: {
      lane: patches.flatMap(({ events }) => events.lane),
      span: patches.flatMap(({ events }) => events.span),
      text: texts.flatMap((chunk) => chunk.split("\0"))
    }
  }
  for (const patch of patches) {
    for (const [index, lane] of patch.lanes) lanes[index] = lane
    for (const [index, span] of patch.spans) spans[index] = span
    for (const [event, lane] of patch.moved) data.events.lane[event] = lane
  }
  return { ...data, spans: spans.map((span) => ({ ...span, line: rowOf(span, lanes) })) }
}

/** Returns the data of a recording that is drawn message by message. */
export const grown = ({ entries, header }: Recording): Data => {
  const model = new Model()
  const { data } = model
  const patches: Array<Patch> = []
  let cursor = data.beginning
  for (const entry of entries) {
    model.add(entry)
    const [patch, next] = data.since(cursor, patches.length === 0 ? headOf("", header) : undefined)!
    // The model changes its objects later.
    patches.push(JSON.parse(JSON.stringify(patch)))
    cursor = next
  }
  return together(patches)
}

/** Returns the data in a page. */
export const dataOf = (page: string): Data => {
  const packed = (kind: string) =>
    Array.from(
      page.matchAll(new RegExp(`class="${kind}">([^<]*)<`, "g")),
      ([, data]) => gunzipSync(Buffer.from(data!, "base64")).toString()
    )
  return together(packed("patch").map((text): Patch => JSON.parse(text)), packed("texts"))
}
