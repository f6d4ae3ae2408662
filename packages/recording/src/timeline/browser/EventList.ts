/**
 * The list of all messages. Only the rows in sight exist as elements.
 */
import { colorOf, count, element, moment } from "./dom.ts"
import { lowerBound, type Store } from "./Store.ts"
import type { Kind } from "./Timeline.ts"

const rowHeight = 24

/** The greatest height of an element: browsers limit it. */
const highest = 15_000_000

const arrows = { sent: "→", received: "←", garbage: "!", ended: "■" } as const
const arrowNames = { sent: "sent", received: "received", garbage: "not a message", ended: "end" } as const

export class EventList {
  readonly root: HTMLElement
  readonly rows: HTMLElement
  private readonly store: Store
  private readonly spacer = element("div")
  private readonly summary = element("span")
  /** The events that pass the filters. */
  private shown: Uint32Array = new Uint32Array(0)
  private pending = false
  private marked = new Map<number, "error" | "warning">()

  constructor(store: Store) {
    this.store = store
    for (const mark of store.timeline.marks) this.marked.set(mark.event, mark.level)
    this.rows = element("div", {
      class: "rows",
      tabindex: 0,
      role: "listbox",
      "aria-label": "Messages. Up and down select, Enter goes to the details."
    }, this.spacer)
    this.root = element(
      "section",
      { class: "events", "aria-label": "Messages" },
      element("div", { class: "head" }, element("h2", {}, "Messages"), this.summary),
      this.rows
    )
    this.rows.addEventListener("scroll", () => this.draw(), { passive: true })
    this.rows.addEventListener("keydown", (event) => this.key(event))
    new ResizeObserver(() => this.draw()).observe(this.rows)
    store.onChange((state, before) => {
      if (state.hidden !== before.hidden || state.only !== before.only || state.query !== before.query) this.filter()
      if (state.selected !== before.selected) this.reveal()
      this.draw()
    })
    this.filter()
  }

  private filter(): void {
    const { eventHits, state, timeline: { events, spans } } = this.store
    const found: Array<number> = []
    for (let event = 0; event < events.at.length; event++) {
      if (state.only !== undefined && events.lane[event] !== state.only) continue
      if (eventHits !== undefined && eventHits[event] === 0) continue
      if (events.delta[event] === 1 && state.hidden.has("delta")) continue
      const span = events.span[event]!
      if (span >= 0 && state.hidden.has(spans[span]!.kind)) continue
      found.push(event)
    }
    this.shown = Uint32Array.from(found)
    const all = events.at.length
    this.summary.textContent = found.length === all ? count(all) : `${count(found.length)} of ${count(all)}`
    this.spacer.style.height = `${Math.min(highest, found.length * rowHeight)}px`
  }

  /** The number of rows above the first visible one. */
  private get first(): number {
    const total = this.shown.length * rowHeight
    if (total <= highest) return this.rows.scrollTop / rowHeight
    const range = highest - this.rows.clientHeight
    return this.rows.scrollTop / range * (this.shown.length - this.rows.clientHeight / rowHeight)
  }

  private scrollTo(position: number): void {
    const total = this.shown.length * rowHeight
    this.rows.scrollTop = total <= highest
      ? position * rowHeight
      : position / (this.shown.length - this.rows.clientHeight / rowHeight) * (highest - this.rows.clientHeight)
  }

  private positionOf(event: number): number {
    return lowerBound(this.shown.length, (position) => this.shown[position]! < event)
  }

  private reveal(): void {
    const { selected } = this.store.state
    if (selected === undefined) return
    const event = selected.type === "event" ? selected.index : this.store.eventsOf(selected.index)[0]
    if (event === undefined) return
    const position = this.positionOf(event)
    const inSight = this.rows.clientHeight / rowHeight
    const { first } = this
    if (position < first || position > first + inSight - 1.5) {
      this.scrollTo(Math.max(0, position - Math.floor(inSight / 3)))
    }
  }

  private draw(): void {
    if (this.pending) return
    this.pending = true
    requestAnimationFrame(() => {
      this.pending = false
      const { first } = this
      const from = Math.max(0, Math.floor(first) - 4)
      const to = Math.min(this.shown.length, Math.ceil(first + this.rows.clientHeight / rowHeight) + 4)
      const rows: Array<HTMLElement> = []
      for (let position = from; position < to; position++) {
        rows.push(this.row(position, this.rows.scrollTop + (position - first) * rowHeight))
      }
      const nothing = this.shown.length === 0
        ? [element("div", { class: "empty" }, "No message matches the search and the filters.")]
        : []
      this.rows.replaceChildren(this.spacer, ...nothing, ...rows)
      const { selected } = this.store.state
      if (selected?.type === "event") this.rows.setAttribute("aria-activedescendant", `event-${selected.index}`)
      else this.rows.removeAttribute("aria-activedescendant")
    })
  }

  private row(position: number, top: number): HTMLElement {
    const event = this.shown[position]!
    const { state, timeline: { events, lanes, spans } } = this.store
    const direction = events.direction[event]!
    const span = events.span[event]!
    const kind: Kind | "error" | "warning" = this.marked.get(event) ?? (span < 0 ? "other" : spans[span]!.kind)
    return element(
      "div",
      {
        class: `row${span >= 0 && span === this.store.selectedSpan ? " of" : ""}`,
        id: `event-${event}`,
        role: "option",
        "aria-selected": String(state.selected?.type === "event" && state.selected.index === event),
        "aria-posinset": position + 1,
        "aria-setsize": this.shown.length,
        style: `top: ${top}px; ${colorOf(kind)}`,
        click: () => this.store.select({ type: "event", index: event })
      },
      element("span", { class: "at" }, moment(events.at[event]!)),
      element(
        "span",
        { class: "way", title: arrowNames[direction], "aria-label": arrowNames[direction] },
        arrows[direction]
      ),
      element("span", { class: "lane" }, lanes[events.lane[event]!]!.title),
      element("span", { class: "method" }, events.method[event]!),
      element(
        "span",
        { class: "what" },
        excerpt(events.text[event]!, span < 0 ? "" : spans[span]!.label.replace(events.method[event]!, ""))
      )
    )
  }

  private key(event: KeyboardEvent): void {
    const { selected } = this.store.state
    const current = selected === undefined
      ? -1
      : this.positionOf(selected.type === "event" ? selected.index : this.store.eventsOf(selected.index)[0] ?? 0)
    const page = Math.max(1, Math.floor(this.rows.clientHeight / rowHeight) - 1)
    const targets = new Map([
      ["ArrowDown", current + (selected?.type === "span" ? 0 : 1)],
      ["ArrowUp", current - 1],
      ["PageDown", current + page],
      ["PageUp", current - page],
      ["Home", 0],
      ["End", this.shown.length - 1]
    ])
    const target = targets.get(event.key)
    if (target === undefined || this.shown.length === 0) return
    event.preventDefault()
    this.store.select({ type: "event", index: this.shown[Math.min(Math.max(target, 0), this.shown.length - 1)]! })
  }
}

/** Returns the text of a row: the beginning of the piece of text in the message, or the label of its span. */
const excerpt = (text: string, label: string): string => {
  const delta = /"delta":("(?:[^"\\]|\\.){0,400}"?)/.exec(text)
  return delta === null ? label : delta[1]!
}
