/**
 * The program of the page: unpacks the data and assembles the parts.
 */
import { Chart } from "./Chart.ts"
import { Details } from "./Details.ts"
import { colorOf, count, duration, element, kinds } from "./dom.ts"
import { EventList } from "./EventList.ts"
import { Store } from "./Store.ts"
import type { Kind, Timeline } from "./Timeline.ts"

const unpack = async (): Promise<Timeline> => {
  const text = atob(document.getElementById("data")!.textContent.trim())
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0))
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))
  return new Response(stream).json()
}

const keys: ReadonlyArray<readonly [keys: string, meaning: string]> = [
  ["← →", "previous or next span of the row"],
  ["↑ ↓", "row above or below"],
  ["Shift ← →", "move in time"],
  ["+ −", "zoom in or out"],
  ["f", "zoom to the selection"],
  ["0", "show everything"],
  ["Space", "fold the thread"],
  ["Enter", "open the details"],
  ["/", "search; Enter for the next hit"],
  ["e", "next error or warning"],
  ["t", "light or dark"],
  ["Esc", "clear the search or the selection"]
]

/** Remembers the chosen theme, if the browser stores anything for files. */
const remembered = {
  get: (): string | null => {
    try {
      return localStorage.getItem("effect-codex-theme")
    } catch {
      return null
    }
  },
  set: (theme: string): void => {
    try {
      localStorage.setItem("effect-codex-theme", theme)
    } catch {
      // The choice is forgotten when the page is closed.
    }
  }
}

/** Returns a number with its noun, or nothing for zero. */
const some = (number: number, one: string, many = `${one}s`): ReadonlyArray<HTMLElement> =>
  number === 0 ? [] : [element("span", {}, element("b", {}, count(number)), ` ${number === 1 ? one : many}`)]

const facts = (timeline: Timeline): HTMLElement => {
  const { complete, events, lanes, marks, spans } = timeline
  const errors = marks.filter(({ level }) => level === "error").length
  const warnings = marks.length - errors
  const tokens = lanes.reduce((sum, lane) => sum + (lane.tokens.at(-1)?.total ?? 0), 0)
  return element(
    "p",
    { class: "facts" },
    element("span", {}, element("b", {}, duration(timeline.duration))),
    ...some(lanes.filter(({ id }) => id !== "").length, "thread"),
    ...some(spans.filter(({ kind }) => kind === "turn").length, "turn"),
    ...some(tokens, "token"),
    ...some(events.at.length, "message"),
    ...some(warnings, "warning"),
    ...some(errors, "error").map((fact) => {
      fact.className = "bad"
      return fact
    }),
    ...(complete ? [] : [element("span", { class: "bad" }, element("b", {}, "incomplete"))])
  )
}

/** The search field, with the number of hits. */
const search = (store: Store) => {
  const input = element("input", {
    type: "search",
    placeholder: "Search everything",
    "aria-label": "Search everything",
    "aria-keyshortcuts": "/",
    spellcheck: "false",
    autocomplete: "off"
  })
  const output = element("output", { "aria-live": "polite" })
  let typing = 0
  input.addEventListener("input", () => {
    clearTimeout(typing)
    typing = setTimeout(() => store.set({ query: input.value }), 120)
  })
  const nextHit = (step: 1 | -1) => {
    const { eventHits, state } = store
    if (eventHits === undefined) return
    const { selected } = state
    const from = selected === undefined
      ? step === 1 ? -1 : eventHits.length
      : selected.type === "event"
      ? selected.index
      : store.eventsOf(selected.index)[0] ?? 0
    const index = step === 1 ? eventHits.indexOf(1, from + 1) : eventHits.lastIndexOf(1, from - 1)
    if (index !== -1 && from + step >= 0) store.select({ type: "event", index })
  }
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      if (store.state.query !== input.value) store.set({ query: input.value })
      nextHit(event.shiftKey ? -1 : 1)
    }
    if (event.key === "Escape" && input.value !== "") {
      event.stopPropagation()
      input.value = ""
      store.set({ query: "" })
    }
  })
  store.onChange(({ query }) => {
    output.textContent = query.trim() === "" ? "" : `${count(store.hits)} found${store.searching ? "…" : ""}`
  })
  return {
    root: element("div", { class: "search", role: "search", "aria-label": "Search" }, input, output),
    focus: () => input.select()
  }
}

/** The filters: threads and kinds. */
const filters = (store: Store) => {
  const { events, lanes } = store.timeline
  const chip = (kind: Kind | "delta", name: string, number: number) => {
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
      element("span", {}, count(number))
    )
    return button
  }
  const deltas = events.delta.reduce<number>((sum, delta) => sum + delta, 0)
  const threads = element("select", {
    "aria-label": "Thread",
    change: () => store.set({ only: threads.value === "" ? undefined : Number(threads.value) })
  }, element("option", { value: "" }, "All threads"))
  lanes.forEach((lane, index) => threads.append(element("option", { value: index }, lane.title.slice(0, 60))))
  const chips = element(
    "div",
    { class: "chips", role: "group", "aria-label": "Filters" },
    ...store.kindCounts().map(([kind, number]) => chip(kind, kinds[kind].many, number)),
    ...(deltas > 0 ? [chip("delta", "Pieces of text", deltas)] : [])
  )
  return { threads, chips }
}

/** The button for light or dark, which starts with the remembered choice. */
const themeButton = (chart: Chart) => {
  const root = document.documentElement
  const dark = matchMedia("(prefers-color-scheme: dark)")
  const isDark = () => (root.dataset["theme"] ?? (dark.matches ? "dark" : "light")) === "dark"
  const button = element("button", { class: "button", type: "button", title: "Light or dark (t)" })
  const show = () => {
    button.textContent = isDark() ? "☀ Light" : "☾ Dark"
    chart.readColors()
  }
  const toggle = () => {
    root.dataset["theme"] = isDark() ? "light" : "dark"
    remembered.set(root.dataset["theme"])
    show()
  }
  button.addEventListener("click", toggle)
  dark.addEventListener("change", show)
  const stored = remembered.get()
  if (stored !== null) root.dataset["theme"] = stored
  show()
  return { button, toggle }
}

/** The list of keys, and the button that shows it. */
const helpDialog = () => {
  const dialog = element(
    "dialog",
    { "aria-label": "Keys" },
    element("h2", {}, "Keys"),
    element(
      "dl",
      {},
      ...keys.flatMap(([key, meaning]) => [
        element("dt", {}, ...key.split(" ").flatMap((part) => [element("kbd", {}, part), " "])),
        element("dd", {}, meaning)
      ])
    ),
    element("form", { method: "dialog", class: "actions" }, element("button", { class: "button" }, "Close"))
  )
  const show = () => dialog.showModal()
  const button = element("button", {
    class: "button",
    type: "button",
    title: "Keys (?)",
    "aria-label": "Keys",
    click: show
  }, "?")
  return { button, dialog, show }
}

/** Selects the next error or warning, and the first one after the last. */
const nextMark = (store: Store): void => {
  const { selected } = store.state
  const now = selected === undefined ? -Infinity : store.timeOf(selected)[0]
  const after = selected?.type === "event" ? selected.index : -1
  const marks = store.timeline.marks.toSorted((a, b) => a.at - b.at || a.event - b.event)
  const next = marks.find(({ at, event }) => at > now || (at === now && event > after)) ?? marks[0]
  if (next !== undefined) store.select({ type: "event", index: next.event })
}

const start = (timeline: Timeline): void => {
  const store = new Store(timeline)
  const chart = new Chart(store)
  const list = new EventList(store)
  const details = new Details(store)
  const query = search(store)
  const { chips, threads } = filters(store)
  const theme = themeButton(chart)
  const help = helpDialog()

  document.body.replaceChildren(
    element(
      "header",
      {},
      element(
        "div",
        { class: "bar" },
        element("h1", { title: timeline.title }, timeline.title),
        facts(timeline),
        element("div", { class: "tools" }, theme.button, help.button)
      ),
      element("div", { class: "bar" }, query.root, threads, chips)
    ),
    element("main", {}, chart.root, list.root, details.root),
    help.dialog
  )

  for (const part of [chart.lanes, list.rows]) {
    part.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || store.state.selected === undefined) return
      event.preventDefault()
      details.root.focus()
    })
  }
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.dialog.open) return
    if (event.key === "Escape") return store.select(undefined)
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return
    const actions = new Map([
      ["/", query.focus],
      ["?", help.show],
      ["e", () => nextMark(store)],
      ["t", theme.toggle]
    ])
    const action = actions.get(event.key)
    if (action === undefined) return event.defaultPrevented ? undefined : chart.zoomKey(event)
    event.preventDefault()
    action()
  })
}

unpack().then(start, (error: unknown) => {
  document.body.append(element("p", { class: "empty" }, `The data of this page can't be read: ${String(error)}`))
})
