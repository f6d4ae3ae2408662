/**
 * Draws the chart: what is visible, and of what is too close together to be told apart as much as there are pixels.
 */
import { kinds, moment } from "./dom.ts"
import { lowerBound } from "./Store.ts"
import {
  axisHeight,
  heightOf,
  lanePadding,
  narrowest,
  overviewHeight,
  type Place,
  rowTop,
  tokenHeight,
  turnHeight,
  type View
} from "./View.ts"

const font = `11.5px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`
const boldFont = `600 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`

/** The colors of the theme, by their names in the style. */
export interface Colors {
  readonly [name: string]: string
}

const colorNames = [
  "bg",
  "surface",
  "sunken",
  "line",
  "line-soft",
  "text",
  "muted",
  "faint",
  "accent",
  "accent-soft",
  "tokens",
  "error",
  "warning",
  ...Object.keys(kinds)
]

export const readColors = (): Colors => {
  const style = getComputedStyle(document.documentElement)
  return Object.fromEntries(colorNames.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
}

const begin = (canvas: HTMLCanvasElement, background: string): CanvasRenderingContext2D => {
  const context = canvas.getContext("2d")!
  context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
  context.globalAlpha = 1
  context.fillStyle = background
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.font = font
  context.textBaseline = "middle"
  return context
}

/** How wide texts are, by font and text. */
const widths = new Map<string, number>()

/** A text, cut to a width. */
const write = (context: CanvasRenderingContext2D, text: string, x: number, y: number, width: number): void => {
  if (width < 14) return
  const key = `${context.font}${text}`
  let full = widths.get(key)
  if (full === undefined) {
    full = context.measureText(text).width
    if (widths.size > 20_000) widths.clear()
    widths.set(key, full)
  }
  if (full <= width) return context.fillText(text, x, y)
  const fitting = Math.floor(text.length * (width - 8) / full)
  if (fitting > 1) context.fillText(`${text.slice(0, fitting).trimEnd()}…`, x, y, width)
}

/** How much went on when, in all of the recording, and which part of it the rest of the chart shows. */
export const drawOverview = (canvas: HTMLCanvasElement, view: View, colors: Colors): void => {
  const context = begin(canvas, colors["sunken"]!)
  const { gutter, inner, store, width } = view
  const everything = store.everything()
  context.fillStyle = colors["faint"]!
  store.density(Math.ceil(inner / 3)).forEach((share, index) => {
    if (share === 0) return
    const height = Math.max(1.5, share * (overviewHeight - 14))
    context.fillRect(gutter + index * 3, overviewHeight - 5 - height, 2, height)
  })
  for (const level of ["warning", "error"] as const) {
    context.fillStyle = colors[level]!
    let drawn = -Infinity
    for (const mark of store.timeline.marks) {
      const x = view.x(mark.at, everything)
      if (mark.level !== level || x < drawn + 1) continue
      context.fillRect(x - 1, 4, 2.5, 5)
      drawn = x
    }
  }
  const left = Math.max(gutter, view.x(store.state.from, everything))
  const right = Math.min(width, view.x(store.state.to, everything))
  context.globalAlpha = 0.62
  context.fillStyle = colors["bg"]!
  context.fillRect(gutter, 0, left - gutter, overviewHeight)
  context.fillRect(right, 0, width - right, overviewHeight)
  context.globalAlpha = 1
  context.strokeStyle = colors["accent"]!
  context.lineWidth = 1.5
  context.strokeRect(left + 1, 1, Math.max(3, right - left - 2), overviewHeight - 2)
}

/** The times at which lines are drawn. */
const ticks = (view: View): { readonly step: number; readonly times: ReadonlyArray<number> } => {
  const { from, to } = view.store.state
  const rough = (to - from) / Math.max(2, view.inner / 110)
  const steps = [1, 2, 5].flatMap((unit) => [-2, -1, 0, 1, 2, 3].map((power) => unit * 10 ** power))
  const whole = [15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400].map((seconds) => seconds * 1000)
  const step = [...steps, 10_000, ...whole].sort((a, b) => a - b).find((step) => step >= rough) ?? 86_400_000
  const times: Array<number> = []
  for (let time = Math.max(0, Math.ceil(from / step)) * step; time <= to; time += step) times.push(time)
  return { step, times }
}

export const drawAxis = (canvas: HTMLCanvasElement, view: View, colors: Colors): void => {
  const context = begin(canvas, colors["surface"]!)
  const { gutter, pointer } = view
  context.fillStyle = colors["line"]!
  context.fillRect(0, axisHeight - 1, view.width, 1)
  const { step, times } = ticks(view)
  context.fillStyle = colors["muted"]!
  for (const time of times) {
    const x = view.x(time)
    const label = moment(time, step)
    const fits = x + 5 + context.measureText(label).width <= view.width
    if (x >= gutter && fits) context.fillText(label, x + 5, axisHeight / 2)
  }
  if (pointer === undefined) return
  const x = view.x(pointer)
  const label = moment(pointer, 1)
  const width = context.measureText(label).width + 12
  const left = Math.min(Math.max(gutter, x - width / 2), view.width - width)
  context.fillStyle = colors["text"]!
  context.beginPath()
  context.roundRect(left, 3, width, axisHeight - 7, 5)
  context.fill()
  context.fillStyle = colors["surface"]!
  context.fillText(label, left + 6, axisHeight / 2)
}

/** The lanes, of which so many pixels are scrolled away above. */
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
  const tokens = lane.tokens.at(-1)
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
      // Of those that share a place, one is enough.
      index = view.firstVisible(members, span.start + perPlace, index + 1)
    }
    const selected = selectedSpan === undefined ? undefined : spans[selectedSpan]!
    if (selected?.lane === place.lane && selected.row === row && !isSelectedDrawn && store.isVisible(selected)) {
      drawSpan(context, view, colors, selectedSpan!, y)
    }
  }
  const levels = new Map<number, string>()
  for (const { at, level } of store.marks[place.lane]!) {
    if (at < from || at > to) continue
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

/** The part of a span that can be seen. */
interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

const drawSpan = (
  context: CanvasRenderingContext2D,
  view: View,
  colors: Colors,
  index: number,
  y: number
): void => {
  const { spanHits, state, timeline } = view.store
  const span = timeline.spans[index]!
  const color = colors[span.status === "failed" ? "error" : span.kind]!
  const left = view.x(span.start)
  const right = Math.max(left + narrowest, view.x(view.store.endOf(span)))
  const x = Math.max(left, view.gutter - 8)
  const width = Math.min(right, view.width + 8) - x
  const height = heightOf(span.row)
  const faded = state.query.trim() !== "" && spanHits !== undefined && spanHits[index] === 0
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
      fade.addColorStop(0, "transparent")
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

/** A tick for each piece of text, at the foot of its span; as many as there are pixels. */
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

/** How many tokens the thread had used when, at the foot of its lane. */
const drawTokens = (
  context: CanvasRenderingContext2D,
  view: View,
  colors: Colors,
  place: Place,
  top: number
): void => {
  const { perPixel, store } = view
  const { from, to } = store.state
  const { tokens } = store.timeline.lanes[place.lane]!
  if (tokens.length === 0) return
  const bottom = top + place.height - 5
  const highest = store.mostTokens[place.lane]!
  const yOf = (total: number) => bottom - total / highest * (tokenHeight - 9)
  /** The last that was told before a moment. */
  const before = (millis: number, low = 0) => lowerBound(tokens.length, (index) => tokens[index]!.at < millis, low) - 1
  let index = before(from)
  let y = index < 0 ? bottom : yOf(tokens[index]!.total)
  const start = view.x(Math.max(from, tokens[0]!.at))
  context.beginPath()
  context.moveTo(start, y)
  while (index < tokens.length - 1 && tokens[index + 1]!.at <= to) {
    // Of those that share a pixel, the last is enough.
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
