/**
 * The lanes of the chart. Of marks and spans that are too close to distinguish, only as many are drawn as there are pixels.
 */
import { ticks } from "./axis.ts"
import { begin, boldFont, type Colors, font, write } from "./canvas.ts"
import { lowerBound } from "./sorted.ts"
import { drawSpan } from "./spans.ts"
import { lanePadding, narrowest, type Place, rowTop, tokenHeight, turnHeight, type View } from "./View.ts"

/** Draws the lanes. `scrolled` is the number of pixels that are scrolled out of sight above. */
export const drawLanes = (canvas: HTMLCanvasElement, view: View, colors: Colors, scrolled: number): void => {
  const context = begin(canvas, colors["surface"]!)
  const { gutter, height, pointer, store, width } = view
  const { times } = ticks(view)
  context.fillStyle = colors["line-soft"]!
  for (const time of times) {
    const x = Math.round(view.x(time))
    if (x >= gutter) context.fillRect(x, 0, 1, height)
  }
  for (const place of view.places) {
    const top = place.top - scrolled
    if (top + place.height < 0 || top > height) continue
    context.save()
    context.beginPath()
    context.rect(gutter, top, width - gutter, place.height)
    context.clip()
    drawLane(context, view, colors, place, top)
    context.restore()
    drawLabel(context, view, colors, place, top)
    context.fillStyle = colors["line"]!
    context.fillRect(0, Math.round(top + place.height) - 1, width, 1)
  }
  context.fillStyle = colors["line"]!
  context.fillRect(gutter - 1, 0, 1, height)
  if (pointer !== undefined) {
    context.globalAlpha = 0.5
    context.fillStyle = colors["faint"]!
    context.fillRect(Math.round(view.x(pointer)), 0, 1, height)
    context.globalAlpha = 1
  }
  const { selected } = store.state
  if (selected?.type === "event") {
    context.fillStyle = colors["accent"]!
    context.fillRect(Math.round(view.x(store.timeOf(selected)[0])) - 0.5, 0, 1.5, height)
  }
}

const drawLabel = (
  context: CanvasRenderingContext2D,
  view: View,
  colors: Colors,
  place: Place,
  top: number
): void => {
  const lane = view.store.timeline.lanes[place.lane]!
  const { gutter } = view
  context.fillStyle = colors["sunken"]!
  context.fillRect(0, top, gutter - 1, place.height - 1)
  context.fillStyle = colors["faint"]!
  context.beginPath()
  const y = top + lanePadding + turnHeight / 2
  if (place.collapsed) {
    context.moveTo(10, y - 4)
    context.lineTo(15, y)
    context.lineTo(10, y + 4)
  } else {
    context.moveTo(8, y - 2)
    context.lineTo(16, y - 2)
    context.lineTo(12, y + 3)
  }
  context.fill()
  context.fillStyle = colors["text"]!
  context.font = boldFont
  write(context, lane.title, 22, y, gutter - 30)
  context.font = font
  context.fillStyle = colors["muted"]!
  if (lane.subtitle !== "") write(context, lane.subtitle, 22, y + 18, gutter - 30)
  const tokens = view.store.tokens[place.lane]!.at(-1)
  if (tokens === undefined || place.collapsed) return
  context.fillStyle = colors["tokens"]!
  write(context, `${tokens.total.toLocaleString("en-US")} tokens`, 22, top + place.height - 16, gutter - 30)
}

const drawLane = (
  context: CanvasRenderingContext2D,
  view: View,
  colors: Colors,
  place: Place,
  top: number
): void => {
  const { store } = view
  const { selectedSpan, state: { from, to }, timeline: { spans } } = store
  const rows = store.rows[place.lane]!
  const perPlace = narrowest * view.perPixel
  if (!place.collapsed) drawTokens(context, view, colors, place, top)
  for (let row = 0; row < place.rows; row++) {
    const y = top + rowTop(row)
    const members = rows[row]!
    let isSelectedDrawn = false
    let index = view.firstVisible(members, from)
    while (index < members.length) {
      const span = spans[members[index]!]!
      if (span.start > to) break
      if (!store.isVisible(span)) {
        index++
        continue
      }
      drawSpan(context, view, colors, members[index]!, y)
      isSelectedDrawn ||= members[index] === selectedSpan
      // Spans that share a place look like one.
      index = view.firstVisible(members, span.start + perPlace, index + 1)
    }
    const selected = selectedSpan === undefined ? undefined : spans[selectedSpan]!
    if (
      selected?.lane === place.lane && store.rowOf(selected) === row && !isSelectedDrawn && store.isVisible(selected)
    ) {
      drawSpan(context, view, colors, selectedSpan!, y)
    }
  }
  const levels = new Map<number, string>()
  const marks = store.marks[place.lane]!
  for (let index = lowerBound(marks.length, (index) => marks[index]!.at < from); index < marks.length; index++) {
    const { at, level } = marks[index]!
    if (at > to) break
    const x = view.x(at)
    if (levels.get(Math.round(x)) === level) continue
    levels.set(Math.round(x), level)
    context.fillStyle = colors[level]!
    context.globalAlpha = 0.35
    context.fillRect(x - 0.5, top, 1, place.height)
    context.globalAlpha = 1
    context.beginPath()
    context.moveTo(x - 5, top)
    context.lineTo(x + 5, top)
    context.lineTo(x, top + 8)
    context.fill()
  }
}

/** Draws the tokens that a thread has used over time, at the foot of its lane. */
const drawTokens = (
  context: CanvasRenderingContext2D,
  view: View,
  colors: Colors,
  place: Place,
  top: number
): void => {
  const { perPixel, store } = view
  const { from, to } = store.state
  const tokens = store.tokens[place.lane]!
  if (tokens.length === 0) return
  const bottom = top + place.height - 5
  const highest = store.mostTokens[place.lane]!
  const yOf = (total: number) => bottom - total / highest * (tokenHeight - 9)
  /** Returns the last count before a moment. */
  const before = (millis: number, low = 0) => lowerBound(tokens.length, (index) => tokens[index]!.at < millis, low) - 1
  let index = before(from)
  let y = index < 0 ? bottom : yOf(tokens[index]!.total)
  const start = view.x(Math.max(from, tokens[0]!.at))
  context.beginPath()
  context.moveTo(start, y)
  while (index < tokens.length - 1 && tokens[index + 1]!.at <= to) {
    // Counts that share a pixel look like the last of them.
    index = Math.max(index + 1, before(tokens[index + 1]!.at + perPixel, index + 1))
    const { at, total } = tokens[index]!
    context.lineTo(view.x(at), y)
    y = yOf(total)
    context.lineTo(view.x(at), y)
  }
  const end = view.x(Math.min(to, store.timeline.duration))
  context.lineTo(end, y)
  context.strokeStyle = colors["tokens"]!
  context.lineWidth = 1.2
  context.stroke()
  context.lineTo(end, bottom)
  context.lineTo(start, bottom)
  context.globalAlpha = 0.14
  context.fillStyle = colors["tokens"]!
  context.fill()
  context.globalAlpha = 1
}
