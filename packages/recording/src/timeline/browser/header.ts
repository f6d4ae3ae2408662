/**
 * The header of the page: facts about the recording, the search, and the filters. It grows with the recording.
 */
import { colorOf, count, duration, element, kinds } from "./dom.ts"
import type { Store } from "./Store.ts"
import type { Kind } from "./Timeline.ts"

/** Returns a number with its noun, or nothing for zero. */
const some = (number: number, one: string, many = `${one}s`): ReadonlyArray<HTMLElement> =>
  number === 0 ? [] : [element("span", {}, element("b", {}, count(number)), ` ${number === 1 ? one : many}`)]

/** Returns a function that calls another one in the next frame, once for all calls until then. */
const inNextFrame = (run: () => void) => {
  let isPending = false
  return () => {
    if (isPending) return
    isPending = true
    requestAnimationFrame(() => {
      isPending = false
      run()
    })
  }
}

/** The numbers of everything. */
export class Facts {
  readonly root = element("p", { class: "facts" })
  private readonly store: Store
  private readonly follows: boolean

  constructor(store: Store, follows: boolean) {
    this.store = store
    this.follows = follows
    store.onGrowth(inNextFrame(() => this.show()))
    this.show()
  }

  private show(): void {
    const { errors, timeline: { complete, duration: length, events, lanes, marks }, tokens, turns } = this.store
    this.root.replaceChildren(
      element("span", {}, element("b", {}, duration(length))),
      ...some(lanes.length - 1, "thread"),
      ...some(turns.length, "turn"),
      ...some(tokens.reduce((sum, tokens) => sum + (tokens.at(-1)?.total ?? 0), 0), "token"),
      ...some(events.length, "message"),
      ...some(marks.length - errors, "warning"),
      ...some(errors, "error").map((fact) => {
        fact.className = "bad"
        return fact
      }),
      ...(complete || this.follows ? [] : [element("span", { class: "bad" }, element("b", {}, "incomplete"))])
    )
  }
}

/** The search field, with the number of hits. */
export class SearchField {
  readonly root: HTMLElement
  private readonly store: Store
  private readonly input = element("input", {
    type: "search",
    placeholder: "Search everything",
    "aria-label": "Search everything",
    "aria-keyshortcuts": "/",
    spellcheck: "false",
    autocomplete: "off"
  })

  constructor(store: Store) {
    this.store = store
    const { input } = this
    const output = element("output", { "aria-live": "polite" })
    let typing = 0
    input.addEventListener("input", () => {
      clearTimeout(typing)
      typing = setTimeout(() => store.set({ query: input.value }), 120)
    })
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        if (store.state.query !== input.value) store.set({ query: input.value })
        this.nextHit(event.shiftKey ? -1 : 1)
      }
      if (event.key === "Escape" && input.value !== "") {
        event.stopPropagation()
        input.value = ""
        store.set({ query: "" })
      }
    })
    store.onChange(({ query }) => {
      const { hits, isSearching } = store.search
      output.textContent = query.trim() === "" ? "" : `${count(hits)} found${isSearching ? "…" : ""}`
    })
    this.root = element("div", { class: "search", role: "search", "aria-label": "Search" }, input, output)
  }

  focus(): void {
    this.input.select()
  }

  private nextHit(step: 1 | -1): void {
    const { search: { eventHits }, state: { selected } } = this.store
    if (eventHits === undefined) return
    const from = selected === undefined
      ? step === 1 ? -1 : eventHits.length
      : selected.type === "event"
      ? selected.index
      : this.store.eventsOf(selected.index)[0] ?? 0
    const index = step === 1 ? eventHits.indexOf(1, from + 1) : eventHits.lastIndexOf(1, from - 1)
    if (index !== -1 && from + step >= 0) this.store.select({ type: "event", index })
  }
}

/** The filters: threads and kinds. */
export class Filters {
  readonly threads: HTMLSelectElement
  readonly chips = element("div", { class: "chips", role: "group", "aria-label": "Filters" })
  private readonly store: Store
  private readonly numbers = new Map<Kind | "delta", HTMLElement>()

  constructor(store: Store) {
    this.store = store
    const threads = this.threads = element("select", {
      "aria-label": "Thread",
      change: () => store.set({ only: threads.value === "" ? undefined : Number(threads.value) })
    }, element("option", { value: "" }, "All threads"))
    store.timeline.lanes.forEach((_, index) => this.thread(index))
    const show = inNextFrame(() => this.show())
    store.onGrowth(({ lanes }) => {
      for (const [index] of lanes) this.thread(index)
      show()
    })
    this.show()
  }

  /** Adds a thread, or shows its new name. */
  private thread(index: number): void {
    const name = this.store.timeline.lanes[index]!.title.slice(0, 60)
    const option = this.threads.options[index + 1]
    if (option === undefined) this.threads.append(element("option", { value: index }, name))
    else if (option.textContent !== name) option.textContent = name
  }

  private show(): void {
    const { deltas } = this.store
    const counts: ReadonlyArray<readonly [Kind | "delta", string, number]> = [
      ...this.store.kindCounts().map(([kind, number]) => [kind, kinds[kind].many, number] as const),
      ...(deltas > 0 ? [["delta", "Pieces of text", deltas] as const] : [])
    ]
    counts.forEach(([kind, name, number], position) => {
      const shown = this.numbers.get(kind)
      if (shown !== undefined) shown.textContent = count(number)
      else this.chips.insertBefore(this.chip(kind, name, number), this.chips.children[position] ?? null)
    })
  }

  private chip(kind: Kind | "delta", name: string, number: number): HTMLElement {
    const { store } = this
    const shown = element("span", {}, count(number))
    this.numbers.set(kind, shown)
    const button = element(
      "button",
      {
        class: "chip",
        type: "button",
        "aria-pressed": "true",
        style: kind === "delta" ? "--color: var(--faint)" : colorOf(kind),
        click: () => {
          const hidden = new Set(store.state.hidden)
          if (!hidden.delete(kind)) hidden.add(kind)
          button.setAttribute("aria-pressed", String(!hidden.has(kind)))
          store.set({ hidden })
        }
      },
      element("i"),
      name,
      shown
    )
    return button
  }
}
