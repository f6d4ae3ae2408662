/**
 * The chart: lanes of spans over time on a canvas, with an overview above. It draws what is visible, and of what is too
 * close together to be told apart as much as there are pixels.
 */
import { duration, element, kindName, kindNames, moment } from "./dom.ts"
import type { Store } from "./Store.ts"
import type { Kind, Span } from "./Timeline.ts"

const axisHeight = 26
const overviewHeight = 44
const lanePadding = 8
const turnHeight = 24
const rowHeight = 20
const rowGap = 3
const tokenHeight = 26
/** A span is at least so wide. */
const narrowest = 2.5
const font = `11.5px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`
const boldFont = `600 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`

const button = (label: string, title: string, click: () => void): HTMLElement =>
  element("button", { class: "button", type: "button", title, "aria-label": title, click }, label)

/** A lane where it is drawn. */
interface Place {
  readonly lane: number
  readonly top: number
  readonly height: number
  readonly collapsed: boolean
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
  ...Object.keys(kindNames)
]

export class Chart {
  readonly root: HTMLElement
  readonly lanes: HTMLElement
  private readonly store: Store
  private readonly overview = element("canvas", { class: "overview", "aria-hidden": "true" })
  private readonly axis = element("canvas", { "aria-hidden": "true" })
  private readonly canvas = element("canvas", { "aria-hidden": "true" })
  private readonly spacer = element("div")
  private readonly tip = element("div", { class: "tip", "aria-hidden": "true" })
  private readonly live = element("div", { class: "hidden", "aria-live": "polite" })
  private colors: { readonly [name: string]: string } = {}
  private places: ReadonlyArray<Place> = []
  private readonly widths = new Map<string, number>()
  private pointer: number | undefined
  private pending = false
  private width = 0
  private height = 0

  constructor(store: Store) {
    this.store = store
    this.lanes = element(
      "div",
      {
        class: "lanes",
        tabindex: 0,
        role: "application",
        "aria-label":
          "Timeline. Left and right go from span to span, up and down from row to row, plus and minus zoom, 0 shows everything, Enter goes to the details, question mark lists all keys."
      },
      this.canvas,
      this.spacer
    )
    this.root = element(
      "section",
      { class: "chart", "aria-label": "Timeline" },
      this.overview,
      this.axis,
      this.lanes,
      element(
        "div",
        { class: "zoom" },
        button("−", "Zoom out (−)", () => store.zoom(1 / 1.6)),
        button("+", "Zoom in (+)", () => store.zoom(1.6)),
        button("Fit", "Show everything (0)", () => this.fit())
      ),
      this.tip,
      this.live
    )
    this.readColors()
    this.listen()
    store.onChange((state, before) => {
      if (state.only !== before.only || state.collapsed !== before.collapsed || state.hidden !== before.hidden) {
        this.arrange()
      }
      if (state.selected !== before.selected) this.reveal()
      this.draw()
    })
  }

  fit(): void {
    const { from, to } = this.store.everything()
    this.store.look(from, to)
  }

  /** Takes the colors of the theme. */
  readColors(): void {
    const style = getComputedStyle(document.documentElement)
    this.colors = Object.fromEntries(colorNames.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]))
    this.draw()
  }

  /** Draws with the next frame. */
  draw(): void {
    if (this.pending) return
    this.pending = true
    requestAnimationFrame(() => {
      this.pending = false
      if (this.width === 0) return
      this.drawOverview()
      this.drawAxis()
      this.drawLanes()
    })
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Where things are
  // -------------------------------------------------------------------------------------------------------------------

  private get gutter(): number {
    return Math.min(200, Math.max(116, this.width * 0.2))
  }

  private x(millis: number): number {
    const { from, to } = this.store.state
    return this.gutter + (millis - from) / (to - from) * (this.width - this.gutter)
  }

  private millisAt(x: number): number {
    const { from, to } = this.store.state
    return from + (x - this.gutter) / (this.width - this.gutter) * (to - from)
  }

  /** How many milliseconds a pixel stands for. */
  private get perPixel(): number {
    return (this.store.state.to - this.store.state.from) / (this.width - this.gutter)
  }

  /** Gives each lane its place. */
  private arrange(): void {
    const { collapsed, only } = this.store.state
    let top = 0
    const places: Array<Place> = []
    const { marks, timeline: { lanes } } = this.store
    lanes.forEach((lane, index) => {
      if (only !== undefined && only !== index) return
      // Beside the threads there may have been nothing.
      if (lane.rows === 0 && lanes.length > 1 && marks[index]!.length === 0) return
      const isCollapsed = collapsed.has(index)
      const rows = Math.max(1, isCollapsed ? Math.min(1, lane.rows) : lane.rows)
      const tokens = !isCollapsed && lane.tokens.length > 0 ? tokenHeight : 0
      const spans = lanePadding * 2 + turnHeight + (rows - 1) * (rowHeight + rowGap)
      const height = Math.max(46, spans) + tokens
      places.push({ lane: index, top, height, collapsed: isCollapsed })
      top += height
    })
    this.places = places
    this.spacer.style.height = `${Math.max(0, top - this.height)}px`
  }

  private rowTop(row: number): number {
    return lanePadding + (row === 0 ? 0 : turnHeight + rowGap + (row - 1) * (rowHeight + rowGap))
  }

  private resize(): void {
    const { clientHeight, clientWidth } = this.lanes
    if (clientWidth === 0) return
    this.width = clientWidth
    this.height = clientHeight
    for (
      const [canvas, height] of [[this.overview, overviewHeight], [this.axis, axisHeight], [
        this.canvas,
        clientHeight
      ]] as const
    ) {
      canvas.width = Math.round(clientWidth * devicePixelRatio)
      canvas.height = Math.round(height * devicePixelRatio)
      canvas.style.width = `${clientWidth}px`
      canvas.style.height = `${height}px`
    }
    this.arrange()
    this.draw()
  }

  /** Scrolls to the lane of what is selected. */
  private reveal(): void {
    const { selected } = this.store.state
    if (selected === undefined) return
    const lane = this.store.laneOf(selected)
    const place = this.places.find((place) => place.lane === lane)
    if (place === undefined) return
    const span = this.store.selectedSpan
    const top = place.top + (span === undefined ? 0 : this.rowTop(this.store.timeline.spans[span]!.row) - lanePadding)
    if (top < this.lanes.scrollTop) this.lanes.scrollTop = top
    else if (top + 50 > this.lanes.scrollTop + this.height) this.lanes.scrollTop = top + 50 - this.height
  }

  /** What lies at a place of the lanes. */
  private hit(x: number, y: number): { readonly lane: number; readonly span: number | undefined } | undefined {
    const place = this.places.find(({ height, top }) => y >= top && y < top + height)
    if (place === undefined) return undefined
    const rows = this.store.rows[place.lane]!
    for (let row = 0; row < (place.collapsed ? Math.min(1, rows.length) : rows.length); row++) {
      const top = place.top + this.rowTop(row)
      if (y < top - 1 || y > top + (row === 0 ? turnHeight : rowHeight) + 1) continue
      let best: number | undefined
      let nearest = 4
      const at = this.millisAt(x)
      const spans = rows[row]!
      for (let index = Math.max(0, this.firstVisible(spans, at) - 2); index < spans.length; index++) {
        const span = this.store.timeline.spans[spans[index]!]!
        const left = this.x(span.start)
        if (left > x + nearest) break
        const right = Math.max(left + narrowest, this.x(this.store.endOf(span)))
        const distance = x < left ? left - x : x > right ? x - right : 0
        if (distance < nearest && this.store.isVisible(span)) {
          nearest = distance
          best = spans[index]
          if (distance === 0) break
        }
      }
      if (best !== undefined) return { lane: place.lane, span: best }
    }
    return { lane: place.lane, span: undefined }
  }

  /** The first of these spans, from `low` on, that has not ended before a moment. */
  private firstVisible(spans: ReadonlyArray<number>, millis: number, low = 0): number {
    let high = spans.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.store.endOf(this.store.timeline.spans[spans[middle]!]!) < millis) low = middle + 1
      else high = middle
    }
    return low
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Drawing
  // -------------------------------------------------------------------------------------------------------------------

  private begin(canvas: HTMLCanvasElement, background: string): CanvasRenderingContext2D {
    const context = canvas.getContext("2d")!
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0)
    context.globalAlpha = 1
    context.fillStyle = this.colors[background]!
    context.fillRect(0, 0, canvas.width, canvas.height)
    context.font = font
    context.textBaseline = "middle"
    return context
  }

  /** A text, cut to a width. */
  private write(context: CanvasRenderingContext2D, text: string, x: number, y: number, width: number): void {
    if (width < 14) return
    const key = `${context.font}${text}`
    let full = this.widths.get(key)
    if (full === undefined) {
      full = context.measureText(text).width
      if (this.widths.size > 20_000) this.widths.clear()
      this.widths.set(key, full)
    }
    if (full <= width) return context.fillText(text, x, y)
    const fitting = Math.floor(text.length * (width - 8) / full)
    if (fitting > 1) context.fillText(`${text.slice(0, fitting).trimEnd()}…`, x, y, width)
  }

  private drawOverview(): void {
    const context = this.begin(this.overview, "sunken")
    const { from, to } = this.store.everything()
    const { gutter } = this
    const inner = this.width - gutter
    const xOf = (millis: number) => gutter + (millis - from) / (to - from) * inner
    context.fillStyle = this.colors["faint"]!
    this.store.density(Math.ceil(inner / 3)).forEach((share, index) => {
      if (share === 0) return
      const height = Math.max(1.5, share * (overviewHeight - 14))
      context.fillRect(gutter + index * 3, overviewHeight - 5 - height, 2, height)
    })
    for (const level of ["warning", "error"] as const) {
      context.fillStyle = this.colors[level]!
      let drawn = -Infinity
      for (const mark of this.store.timeline.marks) {
        const x = xOf(mark.at)
        if (mark.level !== level || x < drawn + 1) continue
        context.fillRect(x - 1, 4, 2.5, 5)
        drawn = x
      }
    }
    const left = Math.max(gutter, xOf(this.store.state.from))
    const right = Math.min(this.width, xOf(this.store.state.to))
    context.globalAlpha = 0.62
    context.fillStyle = this.colors["bg"]!
    context.fillRect(gutter, 0, left - gutter, overviewHeight)
    context.fillRect(right, 0, this.width - right, overviewHeight)
    context.globalAlpha = 1
    context.strokeStyle = this.colors["accent"]!
    context.lineWidth = 1.5
    context.strokeRect(left + 1, 1, Math.max(3, right - left - 2), overviewHeight - 2)
  }

  /** The times at which lines are drawn. */
  private ticks(): { readonly step: number; readonly times: ReadonlyArray<number> } {
    const { from, to } = this.store.state
    const rough = (to - from) / Math.max(2, (this.width - this.gutter) / 110)
    const steps = [1, 2, 5].flatMap((unit) => [-2, -1, 0, 1, 2, 3].map((power) => unit * 10 ** power))
    const whole = [15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600, 86_400].map((seconds) => seconds * 1000)
    const step = [...steps, 10_000, ...whole].sort((a, b) => a - b).find((step) => step >= rough) ?? 86_400_000
    const times: Array<number> = []
    for (let time = Math.max(0, Math.ceil(from / step)) * step; time <= to; time += step) times.push(time)
    return { step, times }
  }

  private drawAxis(): void {
    const context = this.begin(this.axis, "surface")
    context.fillStyle = this.colors["line"]!
    context.fillRect(0, axisHeight - 1, this.width, 1)
    const { step, times } = this.ticks()
    context.fillStyle = this.colors["muted"]!
    for (const time of times) {
      const x = this.x(time)
      const label = moment(time, step)
      const fits = x + 5 + context.measureText(label).width <= this.width
      if (x >= this.gutter && fits) context.fillText(label, x + 5, axisHeight / 2)
    }
    if (this.pointer === undefined) return
    const x = this.x(this.pointer)
    const label = moment(this.pointer, 1)
    const width = context.measureText(label).width + 12
    const left = Math.min(Math.max(this.gutter, x - width / 2), this.width - width)
    context.fillStyle = this.colors["text"]!
    context.beginPath()
    context.roundRect(left, 3, width, axisHeight - 7, 5)
    context.fill()
    context.fillStyle = this.colors["surface"]!
    context.fillText(label, left + 6, axisHeight / 2)
  }

  private drawLanes(): void {
    const context = this.begin(this.canvas, "surface")
    const { scrollTop } = this.lanes
    const { gutter } = this
    const { times } = this.ticks()
    context.fillStyle = this.colors["line-soft"]!
    for (const time of times) {
      const x = Math.round(this.x(time))
      if (x >= gutter) context.fillRect(x, 0, 1, this.height)
    }
    for (const place of this.places) {
      const top = place.top - scrollTop
      if (top + place.height < 0 || top > this.height) continue
      context.save()
      context.beginPath()
      context.rect(gutter, top, this.width - gutter, place.height)
      context.clip()
      this.drawLane(context, place, top)
      context.restore()
      this.drawLabel(context, place, top)
      context.fillStyle = this.colors["line"]!
      context.fillRect(0, Math.round(top + place.height) - 1, this.width, 1)
    }
    context.fillStyle = this.colors["line"]!
    context.fillRect(gutter - 1, 0, 1, this.height)
    if (this.pointer !== undefined) {
      context.globalAlpha = 0.5
      context.fillStyle = this.colors["faint"]!
      context.fillRect(Math.round(this.x(this.pointer)), 0, 1, this.height)
      context.globalAlpha = 1
    }
    const { selected } = this.store.state
    if (selected?.type === "event") {
      context.fillStyle = this.colors["accent"]!
      context.fillRect(Math.round(this.x(this.store.timeOf(selected)[0])) - 0.5, 0, 1.5, this.height)
    }
  }

  private drawLabel(context: CanvasRenderingContext2D, place: Place, top: number): void {
    const lane = this.store.timeline.lanes[place.lane]!
    const { gutter } = this
    context.fillStyle = this.colors["sunken"]!
    context.fillRect(0, top, gutter - 1, place.height - 1)
    context.fillStyle = this.colors["faint"]!
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
    context.fillStyle = this.colors["text"]!
    context.font = boldFont
    this.write(context, lane.title, 22, y, gutter - 30)
    context.font = font
    context.fillStyle = this.colors["muted"]!
    if (lane.subtitle !== "") this.write(context, lane.subtitle, 22, y + 18, gutter - 30)
    const tokens = lane.tokens.at(-1)
    if (tokens === undefined || place.collapsed) return
    context.fillStyle = this.colors["tokens"]!
    this.write(context, `${tokens.total.toLocaleString("en-US")} tokens`, 22, top + place.height - 16, gutter - 30)
  }

  private drawLane(context: CanvasRenderingContext2D, place: Place, top: number): void {
    const { from, to } = this.store.state
    const { selectedSpan, timeline: { lanes, spans } } = this.store
    const lane = lanes[place.lane]!
    const rows = this.store.rows[place.lane]!
    const perPlace = narrowest * this.perPixel
    const levels = new Map<number, string>()
    if (!place.collapsed) this.drawTokens(context, place, top)
    for (let row = 0; row < (place.collapsed ? Math.min(1, lane.rows) : lane.rows); row++) {
      const y = top + this.rowTop(row)
      const members = rows[row]!
      const height = row === 0 ? turnHeight : rowHeight
      let isSelectedDrawn = false
      let index = this.firstVisible(members, from)
      while (index < members.length) {
        const span = spans[members[index]!]!
        if (span.start > to) break
        if (!this.store.isVisible(span)) {
          index++
          continue
        }
        this.drawSpan(context, members[index]!, span, y, height)
        isSelectedDrawn ||= members[index] === selectedSpan
        // Of those that share a place, one is enough.
        index = this.firstVisible(members, span.start + perPlace, index + 1)
      }
      const selected = selectedSpan === undefined ? undefined : spans[selectedSpan]!
      if (selected?.lane === place.lane && selected.row === row && !isSelectedDrawn && this.store.isVisible(selected)) {
        this.drawSpan(context, selectedSpan!, selected, y, height)
      }
    }
    for (const { at, level } of this.store.marks[place.lane]!) {
      if (at < from || at > to) continue
      const x = this.x(at)
      if (levels.get(Math.round(x)) === level) continue
      levels.set(Math.round(x), level)
      context.fillStyle = this.colors[level]!
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

  private drawSpan(context: CanvasRenderingContext2D, index: number, span: Span, y: number, height: number): void {
    const { spanHits, state } = this.store
    const color = this.colors[span.status === "failed" ? "error" : span.kind]!
    const left = this.x(span.start)
    const right = Math.max(left + narrowest, this.x(this.store.endOf(span)))
    const shown = Math.max(left, this.gutter - 8)
    const width = Math.min(right, this.width + 8) - shown
    const faded = state.query.trim() !== "" && spanHits !== undefined && spanHits[index] === 0
    const strength = faded ? 0.22 : 1
    const radius = Math.min(4, width / 2)
    context.fillStyle = color
    if (width < 6) {
      context.globalAlpha = strength
      context.fillRect(Math.round(shown), y, Math.round(width), height)
    } else {
      context.beginPath()
      context.roundRect(shown, y, width, height, radius)
      context.globalAlpha = (span.kind === "turn" ? 0.2 : 0.16) * strength
      context.fill()
      context.globalAlpha = strength
      context.save()
      context.clip()
      context.fillRect(shown, y, 3, height)
      if (span.status === "stopped") this.drawHatch(context, shown, y, width, height, color, strength)
      if (span.status === "open") {
        const fade = context.createLinearGradient(right - Math.min(40, width), 0, right, 0)
        fade.addColorStop(0, "transparent")
        fade.addColorStop(1, this.colors["surface"]!)
        context.fillStyle = fade
        context.fillRect(shown, y, width, height)
      }
      if (span.kind !== "turn" && !state.hidden.has("delta")) {
        this.drawDeltas(context, index, shown, y, width, height, color)
      }
      context.restore()
      context.globalAlpha = strength
      context.fillStyle = this.colors["text"]!
      const label = span.status === "failed" ? `✕ ${span.label}` : span.label
      const from = Math.max(shown, this.gutter) + 8
      if (span.kind === "turn") context.font = boldFont
      this.write(context, label, from, y + height / 2 + 0.5, shown + width - from - 5)
      if (span.kind === "turn") context.font = font
    }
    context.globalAlpha = 1
    if (index !== this.store.selectedSpan) return
    context.beginPath()
    context.roundRect(shown - 1, y - 1, width + 2, height + 2, radius + 1)
    context.strokeStyle = this.colors["accent"]!
    context.lineWidth = 2
    context.stroke()
  }

  private drawHatch(
    context: CanvasRenderingContext2D,
    x: number,
    y: number,
    width: number,
    height: number,
    color: string,
    strength: number
  ): void {
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
  private drawDeltas(
    context: CanvasRenderingContext2D,
    index: number,
    left: number,
    y: number,
    width: number,
    height: number,
    color: string
  ): void {
    const { at, delta } = this.store.timeline.events
    const members = this.store.eventsOf(index)
    if (members.length < 3 || width < 24) return
    context.fillStyle = color
    context.globalAlpha *= 0.75
    const { perPixel } = this
    const until = this.millisAt(Math.min(left + width, this.width))
    let position = lowerBound(members, at, this.millisAt(Math.max(left, this.gutter)))
    while (position < members.length) {
      const event = members[position]!
      if (at[event]! > until) break
      if (delta[event] === 1) context.fillRect(this.x(at[event]!), y + height - 3.5, 1, 3)
      position = position + 1 < members.length && at[members[position + 1]!]! < at[event]! + perPixel
        ? lowerBound(members, at, at[event]! + perPixel, position + 1)
        : position + 1
    }
  }

  private drawTokens(context: CanvasRenderingContext2D, place: Place, top: number): void {
    const { tokens } = this.store.timeline.lanes[place.lane]!
    if (tokens.length === 0) return
    const { perPixel, store: { state: { from, to } } } = this
    const bottom = top + place.height - 5
    const highest = this.store.mostTokens[place.lane]!
    const yOf = (total: number) => bottom - total / highest * (tokenHeight - 9)
    /** The last that was told before a moment. */
    const before = (millis: number, low = 0): number => {
      let high = tokens.length
      while (low < high) {
        const middle = (low + high) >> 1
        if (tokens[middle]!.at < millis) low = middle + 1
        else high = middle
      }
      return low - 1
    }
    let index = before(from)
    let y = index < 0 ? bottom : yOf(tokens[index]!.total)
    const start = this.x(Math.max(from, tokens[0]!.at))
    context.beginPath()
    context.moveTo(start, y)
    while (index < tokens.length - 1 && tokens[index + 1]!.at <= to) {
      // Of those that share a pixel, the last is enough.
      index = Math.max(index + 1, before(tokens[index + 1]!.at + perPixel, index + 1))
      const { at, total } = tokens[index]!
      context.lineTo(this.x(at), y)
      y = yOf(total)
      context.lineTo(this.x(at), y)
    }
    const end = this.x(Math.min(to, this.store.timeline.duration))
    context.lineTo(end, y)
    context.strokeStyle = this.colors["tokens"]!
    context.lineWidth = 1.2
    context.stroke()
    context.lineTo(end, bottom)
    context.lineTo(start, bottom)
    context.globalAlpha = 0.14
    context.fillStyle = this.colors["tokens"]!
    context.fill()
    context.globalAlpha = 1
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Pointer and keys
  // -------------------------------------------------------------------------------------------------------------------

  private listen(): void {
    const { lanes, store } = this
    new ResizeObserver(() => this.resize()).observe(lanes)
    lanes.addEventListener("scroll", () => this.draw(), { passive: true })

    const place = (event: MouseEvent) => {
      const box = lanes.getBoundingClientRect()
      return { x: event.clientX - box.left, y: event.clientY - box.top + lanes.scrollTop }
    }
    this.root.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault()
        store.zoom(Math.exp(-event.deltaY * 0.005), this.millisAt(Math.max(this.gutter, place(event).x)))
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault()
        store.pan((event.deltaX === 0 ? event.deltaY : event.deltaX) * this.perPixel)
      }
    }, { passive: false })

    let drag:
      | { readonly x: number; readonly y: number; readonly from: number; readonly to: number; moved: boolean }
      | undefined
    lanes.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.offsetX > lanes.clientWidth) return
      const { from, to } = store.state
      drag = { x: event.clientX, y: lanes.scrollTop + event.clientY, from, to, moved: false }
    })
    lanes.addEventListener("pointermove", (event) => {
      const { x, y } = place(event)
      if (drag !== undefined && (drag.moved || Math.abs(event.clientX - drag.x) > 4)) {
        if (!drag.moved) lanes.setPointerCapture(event.pointerId)
        drag.moved = true
        lanes.classList.add("dragging")
        const shift = (event.clientX - drag.x) / (this.width - this.gutter) * (drag.to - drag.from)
        lanes.scrollTop = drag.y - event.clientY
        this.hideTip()
        return store.look(drag.from - shift, drag.to - shift)
      }
      this.pointer = x < this.gutter ? undefined : this.millisAt(x)
      this.showTip(event, x, y)
      this.draw()
    })
    const release = (event: PointerEvent) => {
      const clicked = drag !== undefined && !drag.moved
      drag = undefined
      lanes.classList.remove("dragging")
      if (!clicked || event.type !== "pointerup") return
      const { x, y } = place(event)
      const hit = this.hit(x, y)
      if (x < this.gutter && hit !== undefined) return this.toggle(hit.lane)
      const mark = this.markAt(x, y)
      if (mark !== undefined) return store.select({ type: "event", index: mark.event }, false)
      store.select(hit?.span === undefined ? undefined : { type: "span", index: hit.span }, false)
    }
    lanes.addEventListener("pointerup", release)
    lanes.addEventListener("pointercancel", release)
    lanes.addEventListener("pointerleave", () => {
      this.pointer = undefined
      this.hideTip()
      this.draw()
    })
    lanes.addEventListener("dblclick", () => this.zoomToSelection())
    lanes.addEventListener("keydown", (event) => this.key(event))

    const choose = (start: number, end: number) => {
      const { from, to } = store.everything()
      const box = this.overview.getBoundingClientRect()
      const millis = (x: number) => from + (x - box.left - this.gutter) / (this.width - this.gutter) * (to - from)
      if (Math.abs(end - start) > 3) return store.look(millis(Math.min(start, end)), millis(Math.max(start, end)))
      const half = (store.state.to - store.state.from) / 2
      store.look(millis(start) - half, millis(start) + half)
    }
    let began: number | undefined
    this.overview.addEventListener("pointerdown", (event) => {
      began = event.clientX
      this.overview.setPointerCapture(event.pointerId)
    })
    this.overview.addEventListener("pointermove", (event) => {
      if (began !== undefined && Math.abs(event.clientX - began) > 3) choose(began, event.clientX)
    })
    this.overview.addEventListener("pointerup", (event) => {
      if (began !== undefined && Math.abs(event.clientX - began) <= 3) choose(began, began)
      began = undefined
    })
    this.overview.addEventListener("dblclick", () => this.fit())
  }

  private markAt(x: number, y: number) {
    const place = this.places.find(({ height, top }) => y >= top && y < top + height)
    if (place === undefined || y > place.top + 9) return undefined
    return this.store.marks[place.lane]!.find((mark) => Math.abs(this.x(mark.at) - x) < 7)
  }

  private toggle(lane: number): void {
    const collapsed = new Set(this.store.state.collapsed)
    if (!collapsed.delete(lane)) collapsed.add(lane)
    this.store.set({ collapsed })
  }

  private showTip(event: MouseEvent, x: number, y: number): void {
    const mark = this.markAt(x, y)
    const hit = this.hit(x, y)
    const lane = hit === undefined ? undefined : this.store.timeline.lanes[hit.lane]
    const [title, text] = mark !== undefined
      ? [mark.label, `${mark.level} at ${moment(mark.at)}`]
      : x < this.gutter && lane !== undefined
      ? [lane.title, [lane.id, lane.subtitle].filter((part) => part !== "").join(" · ")]
      : hit?.span === undefined
      ? []
      : this.describe(hit.span)
    if (title === undefined) return this.hideTip()
    this.lanes.style.cursor = "pointer"
    this.tip.replaceChildren(element("b", {}, title), element("span", {}, text))
    const { offsetHeight, offsetWidth } = this.tip
    const left = Math.min(event.clientX + 14, innerWidth - offsetWidth - 8)
    const top = event.clientY + 18 + offsetHeight > innerHeight ? event.clientY - offsetHeight - 10 : event.clientY + 18
    Object.assign(this.tip.style, { left: `${left}px`, top: `${top}px`, visibility: "visible" })
  }

  private hideTip(): void {
    this.lanes.style.cursor = ""
    this.tip.style.visibility = "hidden"
  }

  private describe(index: number): readonly [title: string, text: string] {
    const span = this.store.timeline.spans[index]!
    const length = span.end === undefined ? "no end recorded" : duration(span.end - span.start)
    return [span.label, [kindName[span.kind], length, span.detail].filter((part) => part !== "").join(" · ")]
  }

  private zoomToSelection(): void {
    const { selected } = this.store.state
    if (selected === undefined) return
    const [start, end] = this.store.timeOf(selected)
    const margin = Math.max((end - start) * 0.1, 0.5)
    this.store.look(start - margin, end + margin)
  }

  /** Zooms with the keys that do so wherever the focus is. */
  zoomKey(event: KeyboardEvent): void {
    if (["+", "=", "-", "0", "f"].includes(event.key)) this.key(event)
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const { store } = this
    const step = (store.state.to - store.state.from) * 0.2
    const actions: { readonly [key: string]: () => void } = {
      ArrowLeft: () => event.shiftKey ? store.pan(-step) : this.move(-1, 0),
      ArrowRight: () => event.shiftKey ? store.pan(step) : this.move(1, 0),
      ArrowUp: () => this.move(0, -1),
      ArrowDown: () => this.move(0, 1),
      Home: () => this.move(-Infinity, 0),
      End: () => this.move(Infinity, 0),
      "+": () => store.zoom(1.6, this.anchor()),
      "=": () => store.zoom(1.6, this.anchor()),
      "-": () => store.zoom(1 / 1.6, this.anchor()),
      "0": () => this.fit(),
      f: () => this.zoomToSelection(),
      " ": () => {
        if (store.state.selected !== undefined) this.toggle(store.laneOf(store.state.selected))
      }
    }
    const action = actions[event.key]
    if (action === undefined) return
    event.preventDefault()
    action()
  }

  /** What stays in its place when the keys zoom. */
  private anchor(): number | undefined {
    const { from, selected, to } = this.store.state
    if (selected === undefined) return undefined
    const [start, end] = this.store.timeOf(selected)
    const middle = (Math.max(start, from) + Math.min(end, to)) / 2
    return middle >= from && middle <= to ? middle : undefined
  }

  /** Selects the next span in its row, or the one beside it in the next row that has any. */
  private move(across: number, down: number): void {
    const { store } = this
    const { spans } = store.timeline
    const rows = this.places.flatMap((place) =>
      store.rows[place.lane]!
        .slice(0, place.collapsed ? 1 : undefined)
        .map((row) => row.filter((index) => store.isVisible(spans[index]!)))
        .filter((row) => row.length > 0)
    )
    const current = store.selectedSpan
    const row = current === undefined ? -1 : rows.findIndex((row) => row.includes(current))
    if (current === undefined || row === -1) {
      const first = rows[0]?.[0]
      if (first !== undefined) this.choose(first)
      return
    }
    if (down !== 0) {
      const next = rows[row + down]
      if (next === undefined) return
      const { start } = spans[current]!
      return this.choose(
        next.reduce((best, index) =>
          Math.abs(spans[index]!.start - start) < Math.abs(spans[best]!.start - start) ? index : best
        )
      )
    }
    const members = rows[row]!
    const position = Math.min(Math.max(members.indexOf(current) + across, 0), members.length - 1)
    this.choose(members[position]!)
  }

  private choose(span: number): void {
    this.store.select({ type: "span", index: span })
    this.live.textContent = this.describe(span).join(", ")
  }
}

/** The first of these events that is not before a moment. */
const lowerBound = (events: Uint32Array, at: ReadonlyArray<number>, millis: number, from = 0): number => {
  let low = from
  let high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (at[events[middle]!]! < millis) low = middle + 1
    else high = middle
  }
  return low
}

/** The kinds that a recording has, in the order of the legend. */
export const kindsOf = (spans: ReadonlyArray<Span>): ReadonlyArray<readonly [kind: Kind, count: number]> => {
  const counts = new Map<Kind, number>()
  for (const { kind } of spans) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return (Object.keys(kindNames) as Array<Kind>).flatMap((kind) => counts.has(kind) ? [[kind, counts.get(kind)!]] : [])
}
