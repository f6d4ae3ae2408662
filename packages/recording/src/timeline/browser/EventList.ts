/**
 * The list of all messages. Only the rows in sight exist as elements.
 */
import { withRoom } from "./column.ts"
import { colorOf, count, element, moment } from "./dom.ts"
import { lowerBound } from "./sorted.ts"
import type { Store } from "./Store.ts"
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
  /** The events that pass the filters, with room for more. */
  private shown = new Uint32Array(0)
  /** The number of events that pass the filters. */
  private length = 0
  /** The number of events that the filters have been applied to. */
  private examined = 0
  private query = ""
  private choice: ReadonlySet<unknown> | undefined
  private only: number | undefined
  private pending = false
  private readonly marked = new Map<number, "error" | "warning">()

  /** If `follows` is true, the list follows the end of the recording, unless its reader scrolls away. */
  constructor(store: Store, follows: boolean) {
    this.store = store
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
      if (state.hidden !== before.hidden || state.only !== before.only || state.query !== before.query) {
        this.filter(state)
      }
      if (state.selected !== before.selected) this.reveal()
      this.draw()
    })
    store.onGrowth(({ marks, moved }) => {
      for (const mark of marks) this.marked.set(mark.event, mark.level)
      const isAtEnd = follows && this.isAtEnd
      if (moved.length > 0 && store.state.only !== undefined) this.examined = this.length = 0
      this.extend()
      if (isAtEnd) this.end()
      this.draw()
    })
    this.extend()
  }

  /** True if the last row is in sight. */
  get isAtEnd(): boolean {
    const { clientHeight, scrollHeight, scrollTop } = this.rows
    return scrollTop + clientHeight >= scrollHeight - rowHeight
  }

  /** Scrolls to the last row. */
  end(): void {
    this.rows.scrollTop = this.rows.scrollHeight
  }

  /** Applies the filters to everything, or to what a search has compared since. */
  private filter({ query }: { readonly query: string }): void {
    const { search } = this.store
    const isContinued = query === this.query && this.choice === this.store.state.hidden &&
      this.only === this.store.state.only
      && search.done >= this.examined
    if (!isContinued) this.examined = this.length = 0
    this.query = query
    this.choice = this.store.state.hidden
    this.only = this.store.state.only
    this.extend()
  }

  /** Applies the filters to the events that have been added. */
  private extend(): void {
    const { search: { done, eventHits }, state: { hidden, only }, timeline: { events, spans } } = this.store
    const until = eventHits === undefined ? events.length : done
    const isDeltaHidden = hidden.has("delta")
    this.shown = withRoom(this.shown, this.length + until - this.examined)
    for (let event = this.examined; event < until; event++) {
      if (only !== undefined && events.lane[event] !== only) continue
      if (eventHits !== undefined && eventHits[event] === 0) continue
      if (isDeltaHidden && events.delta[event] === 1) continue
      const span = events.span[event]!
      if (hidden.size > 0 && span >= 0 && hidden.has(spans[span]!.kind)) continue
      this.shown[this.length++] = event
    }
    this.examined = until
    const all = events.length
    this.summary.textContent = this.length === all ? count(all) : `${count(this.length)} of ${count(all)}`
    this.spacer.style.height = `${Math.min(highest, this.length * rowHeight)}px`
  }

  /** The number of rows above the first visible one. */
  private get first(): number {
    const total = this.length * rowHeight
    if (total <= highest) return this.rows.scrollTop / rowHeight
    const range = highest - this.rows.clientHeight
    return this.rows.scrollTop / range * (this.length - this.rows.clientHeight / rowHeight)
  }

  private scrollTo(position: number): void {
    const total = this.length * rowHeight
    this.rows.scrollTop = total <= highest
      ? position * rowHeight
      : position / (this.length - this.rows.clientHeight / rowHeight) * (highest - this.rows.clientHeight)
  }

  private positionOf(event: number): number {
    return lowerBound(this.length, (position) => this.shown[position]! < event)
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
      const to = Math.min(this.length, Math.ceil(first + this.rows.clientHeight / rowHeight) + 4)
      const rows: Array<HTMLElement> = []
      for (let position = from; position < to; position++) {
        rows.push(this.row(position, this.rows.scrollTop + (position - first) * rowHeight))
      }
      const nothing = this.length === 0
        ? [element("div", { class: "empty" }, "No message matches the search and the filters.")]
        : []
      this.rows.replaceChildren(this.spacer, ...nothing, ...rows)
      const { selected } = this.store.state
      if (selected?.type === "event") this.rows.setAttribute("aria-activedescendant", `event-${selected.index}`)
      else this.rows.removeAttribute("aria-activedescendant")
      // What a server no longer has stays empty.
      this.store.texts.load()?.then(() => this.draw(), () => {})
    })
  }

  private row(position: number, top: number): HTMLElement {
    const event = this.shown[position]!
    const { state, timeline: { events, lanes, spans } } = this.store
    const direction = this.store.directionOf(event)
    const method = this.store.methodOf(event)
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
        "aria-setsize": this.length,
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
      element("span", { class: "method" }, method),
      element(
        "span",
        { class: "what" },
        events.delta[event] === 1
          ? excerpt(this.store.texts.get(event))
          : span < 0
          ? ""
          : spans[span]!.label.replace(method, "")
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
      ["End", this.length - 1]
    ])
    const target = targets.get(event.key)
    if (target === undefined || this.length === 0) return
    event.preventDefault()
    this.store.select({ type: "event", index: this.shown[Math.min(Math.max(target, 0), this.length - 1)]! })
  }
}

/** Returns the beginning of the piece of text in a message. */
const excerpt = (text: string): string => /"delta(?:Base64)?":("(?:[^"\\]|\\.){0,400}"?)/.exec(text)?.[1] ?? ""
