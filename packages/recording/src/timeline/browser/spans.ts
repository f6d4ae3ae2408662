/**
 * The spans of the chart, with the pieces of text in them.
 */
import { boldFont, type Colors, font, write } from "./canvas.ts"
import { lowerBound } from "./sorted.ts"
import { heightOf, narrowest, type View } from "./View.ts"

/** The visible part of a span. */
interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** Draws a span. */
export const drawSpan = (
  context: CanvasRenderingContext2D,
  view: View,
  colors: Colors,
  index: number,
  y: number
): void => {
  const { search, state, timeline } = view.store
  const span = timeline.spans[index]!
  const color = colors[span.status === "failed" ? "error" : span.kind]!
  const left = view.x(span.start)
  const right = Math.max(left + narrowest, view.x(view.store.endOf(span)))
  const x = Math.max(left, view.gutter - 8)
  const width = Math.min(right, view.width + 8) - x
  // The selection is drawn in any case, and may be out of sight.
  if (width <= 0) return
  const height = heightOf(view.store.rowOf(span))
  const faded = search.eventHits !== undefined && search.spanHits[index] !== 1
  const strength = faded ? 0.22 : 1
  const radius = Math.min(4, width / 2)
  context.fillStyle = color
  if (width < 6) {
    context.globalAlpha = strength
    context.fillRect(Math.round(x), y, Math.round(width), height)
  } else {
    context.beginPath()
    context.roundRect(x, y, width, height, radius)
    context.globalAlpha = (span.kind === "turn" ? 0.2 : 0.16) * strength
    context.fill()
    context.globalAlpha = strength
    context.save()
    context.clip()
    context.fillRect(x, y, 3, height)
    if (span.status === "stopped") drawHatch(context, { x, y, width, height }, color, strength)
    if (span.status === "open") {
      const fade = context.createLinearGradient(right - Math.min(40, width), 0, right, 0)
      fade.addColorStop(0, `${colors["surface"]!}00`)
      fade.addColorStop(1, colors["surface"]!)
      context.fillStyle = fade
      context.fillRect(x, y, width, height)
    }
    if (span.kind !== "turn" && !state.hidden.has("delta")) {
      drawDeltas(context, view, index, { x, y, width, height }, color)
    }
    context.restore()
    context.globalAlpha = strength
    context.fillStyle = colors["text"]!
    const label = span.status === "failed" ? `✕ ${span.label}` : span.label
    const from = Math.max(x, view.gutter) + 8
    if (span.kind === "turn") context.font = boldFont
    write(context, label, from, y + height / 2 + 0.5, x + width - from - 5)
    if (span.kind === "turn") context.font = font
  }
  context.globalAlpha = 1
  if (index !== view.store.selectedSpan) return
  context.beginPath()
  context.roundRect(x - 1, y - 1, width + 2, height + 2, radius + 1)
  context.strokeStyle = colors["accent"]!
  context.lineWidth = 2
  context.stroke()
}

const drawHatch = (
  context: CanvasRenderingContext2D,
  { height, width, x, y }: Box,
  color: string,
  strength: number
): void => {
  context.globalAlpha = 0.25 * strength
  context.strokeStyle = color
  context.lineWidth = 1.5
  context.beginPath()
  for (let at = x - height; at < x + width; at += 7) {
    context.moveTo(at, y + height)
    context.lineTo(at + height, y)
  }
  context.stroke()
  context.globalAlpha = strength
}

/** Draws a tick for each piece of text at the foot of its span, at most one per pixel. */
const drawDeltas = (
  context: CanvasRenderingContext2D,
  view: View,
  index: number,
  { height, width, x, y }: Box,
  color: string
): void => {
  const { at, delta } = view.store.timeline.events
  const members = view.store.eventsOf(index)
  if (members.length < 3 || width < 24) return
  context.fillStyle = color
  context.globalAlpha *= 0.75
  const { perPixel } = view
  const until = view.millisAt(Math.min(x + width, view.width))
  const firstFrom = (millis: number, low = 0) =>
    lowerBound(members.length, (position) => at[members[position]!]! < millis, low)
  let position = firstFrom(view.millisAt(Math.max(x, view.gutter)))
  while (position < members.length) {
    const event = members[position]!
    if (at[event]! > until) break
    if (delta[event] === 1) context.fillRect(view.x(at[event]!), y + height - 3.5, 1, 3)
    position = position + 1 < members.length && at[members[position + 1]!]! < at[event]! + perPixel
      ? firstFrom(at[event]! + perPixel, position + 1)
      : position + 1
  }
}
