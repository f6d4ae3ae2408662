/**
 * The chart: lanes of spans over time on a canvas, with an overview above them, driven by the pointer and the keys.
 */
import { drawAxis, drawOverview } from "./axis.ts"
import { type Colors, readColors } from "./canvas.ts"
import { duration, element, kinds, moment } from "./dom.ts"
import { drawLanes } from "./lanes.ts"
import type { Store } from "./Store.ts"
import { axisHeight, lanePadding, overviewHeight, rowTop, View } from "./View.ts"

const button = (label: string, title: string, click: () => void): HTMLElement =>
  element("button", { class: "button", type: "button", title, "aria-label": title, click }, label)

export class Chart {
  readonly root: HTMLElement
  readonly lanes: HTMLElement
  private readonly store: Store
  private readonly view: View
  private readonly overview = element("canvas", { class: "overview", "aria-hidden": "true" })
  private readonly axis = element("canvas", { "aria-hidden": "true" })
  private readonly canvas = element("canvas", { "aria-hidden": "true" })
  private readonly spacer = element("div")
  private readonly tip = element("div", { class: "tip", "aria-hidden": "true" })
  private readonly live = element("div", { class: "hidden", "aria-live": "polite" })
  private colors: Colors = {}
  private pending = false

  constructor(store: Store) {
    this.store = store
    this.view = new View(store)
    this.lanes = element(
      "div",
      {
        class: "lanes",
        tabindex: 0,
        role: "application",
        "aria-label":
          "Timeline. Left and right move between spans, up and down between rows, plus and minus zoom, 0 shows everything, Enter opens the details, question mark lists all keys."
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
    store.onGrowth(({ lanes, marks, tokens }) => {
      if (this.view.width > 0 && lanes.length + marks.length + tokens.length > 0) this.arrange()
      this.draw()
    })
  }

  /** Moves to the end of the recording, which the visible time then follows. */
  end(): void {
    const { from, to } = this.store.state
    const all = this.store.everything()
    this.store.look(all.to - (to - from), all.to)
  }

  fit(): void {
    const { from, to } = this.store.everything()
    this.store.look(from, to)
  }

  /** Reads the colors of the theme again. */
  readColors(): void {
    this.colors = readColors()
    this.draw()
  }

  /** Draws in the next frame. */
  draw(): void {
    if (this.pending) return
    this.pending = true
    requestAnimationFrame(() => {
      this.pending = false
      if (this.view.width === 0) return
      drawOverview(this.overview, this.view, this.colors)
      drawAxis(this.axis, this.view, this.colors)
      drawLanes(this.canvas, this.view, this.colors, this.lanes.scrollTop)
    })
  }

  private arrange(): void {
    this.spacer.style.height = `${Math.max(0, this.view.arrange() - this.view.height)}px`
  }

  private resize(): void {
    const { clientHeight, clientWidth } = this.lanes
    if (clientWidth === 0) return
    this.view.width = clientWidth
    this.view.height = clientHeight
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

  /** Scrolls to the lane of the selection. */
  private reveal(): void {
    const { selected } = this.store.state
    if (selected === undefined) return
    const lane = this.store.laneOf(selected)
    const place = this.view.places.find((place) => place.lane === lane)
    if (place === undefined) return
    const span = this.store.selectedSpan
    const top = place.top +
      (span === undefined ? 0 : rowTop(this.store.rowOf(this.store.timeline.spans[span]!)) - lanePadding)
    if (top < this.lanes.scrollTop) this.lanes.scrollTop = top
    else if (top + 50 > this.lanes.scrollTop + this.view.height) this.lanes.scrollTop = top + 50 - this.view.height
  }

  // -------------------------------------------------------------------------------------------------------------------
  // Pointer and keys
  // -------------------------------------------------------------------------------------------------------------------

  private listen(): void {
    const { lanes, store, view } = this
    new ResizeObserver(() => this.resize()).observe(lanes)
    lanes.addEventListener("scroll", () => this.draw(), { passive: true })

    const place = (event: MouseEvent) => {
      const box = lanes.getBoundingClientRect()
      return { x: event.clientX - box.left, y: event.clientY - box.top + lanes.scrollTop }
    }
    this.root.addEventListener("wheel", (event) => {
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault()
        store.zoom(Math.exp(-event.deltaY * 0.005), view.millisAt(Math.max(view.gutter, place(event).x)))
      } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        event.preventDefault()
        store.pan((event.deltaX === 0 ? event.deltaY : event.deltaX) * view.perPixel)
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
        const shift = (event.clientX - drag.x) / view.inner * (drag.to - drag.from)
        lanes.scrollTop = drag.y - event.clientY
        this.hideTip()
        return store.look(drag.from - shift, drag.to - shift)
      }
      view.pointer = x < view.gutter ? undefined : view.millisAt(x)
      this.showTip(event, x, y)
      this.draw()
    })
    const release = (event: PointerEvent) => {
      const clicked = drag !== undefined && !drag.moved
      drag = undefined
      lanes.classList.remove("dragging")
      if (!clicked || event.type !== "pointerup") return
      const { x, y } = place(event)
      const hit = view.hit(x, y)
      if (x < view.gutter && hit !== undefined) return this.toggle(hit.lane)
      const mark = view.markAt(x, y)
      if (mark !== undefined) return store.select({ type: "event", index: mark.event }, false)
      store.select(hit?.span === undefined ? undefined : { type: "span", index: hit.span }, false)
    }
    lanes.addEventListener("pointerup", release)
    lanes.addEventListener("pointercancel", release)
    lanes.addEventListener("pointerleave", () => {
      view.pointer = undefined
      this.hideTip()
      this.draw()
    })
    lanes.addEventListener("dblclick", () => this.zoomToSelection())
    lanes.addEventListener("keydown", (event) => this.key(event))

    const choose = (start: number, end: number) => {
      const box = this.overview.getBoundingClientRect()
      const millis = (x: number) => view.millisAt(x - box.left, store.everything())
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

  private toggle(lane: number): void {
    const collapsed = new Set(this.store.state.collapsed)
    if (!collapsed.delete(lane)) collapsed.add(lane)
    this.store.set({ collapsed })
  }

  private showTip(event: MouseEvent, x: number, y: number): void {
    const mark = this.view.markAt(x, y)
    const hit = this.view.hit(x, y)
    const lane = hit === undefined ? undefined : this.store.timeline.lanes[hit.lane]
    const [title, text] = mark !== undefined
      ? [mark.label, `${mark.level} at ${moment(mark.at)}`]
      : x < this.view.gutter && lane !== undefined
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
    return [span.label, [kinds[span.kind].one, length, span.detail].filter((part) => part !== "").join(" · ")]
  }

  private zoomToSelection(): void {
    const { selected } = this.store.state
    if (selected === undefined) return
    const [start, end] = this.store.timeOf(selected)
    const margin = Math.max((end - start) * 0.1, 0.5)
    this.store.look(start - margin, end + margin)
  }

  /** Handles the keys that zoom wherever the focus is. */
  zoomKey(event: KeyboardEvent): void {
    if (["+", "=", "-", "0", "f"].includes(event.key)) this.key(event)
  }

  private key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const { store } = this
    const step = (store.state.to - store.state.from) * 0.2
    const actions = new Map([
      ["ArrowLeft", () => event.shiftKey ? store.pan(-step) : this.move(-1, 0)],
      ["ArrowRight", () => event.shiftKey ? store.pan(step) : this.move(1, 0)],
      ["ArrowUp", () => this.move(0, -1)],
      ["ArrowDown", () => this.move(0, 1)],
      ["Home", () => this.move(-Infinity, 0)],
      ["End", () => this.move(Infinity, 0)],
      ["+", () => store.zoom(1.6, this.anchor())],
      ["=", () => store.zoom(1.6, this.anchor())],
      ["-", () => store.zoom(1 / 1.6, this.anchor())],
      ["0", () => this.fit()],
      ["f", () => this.zoomToSelection()],
      [" ", () => {
        if (store.state.selected !== undefined) this.toggle(store.laneOf(store.state.selected))
      }]
    ])
    const action = actions.get(event.key)
    if (action === undefined) return
    event.preventDefault()
    action()
  }

  /** The moment that keeps its place when the keys zoom. */
  private anchor(): number | undefined {
    const { from, selected, to } = this.store.state
    if (selected === undefined) return undefined
    const [start, end] = this.store.timeOf(selected)
    const middle = (Math.max(start, from) + Math.min(end, to)) / 2
    return middle >= from && middle <= to ? middle : undefined
  }

  /** Selects the next span in the row, or the nearest span in the next row. */
  private move(across: number, down: number): void {
    const { store } = this
    const { spans } = store.timeline
    const rows = this.view.places.flatMap((place) =>
      store.rows[place.lane]!
        .slice(0, place.rows)
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
