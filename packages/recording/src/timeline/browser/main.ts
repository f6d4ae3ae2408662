/**
 * The program of the page: reads the data and assembles the parts.
 */
import { Chart } from "./Chart.ts"
import { source } from "./data.ts"
import { Details } from "./Details.ts"
import { element } from "./dom.ts"
import { EventList } from "./EventList.ts"
import { Facts, Filters, SearchField } from "./header.ts"
import { Store } from "./Store.ts"
import { Texts } from "./Texts.ts"
import type { Notice } from "./Timeline.ts"

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
const helpDialog = (follows: boolean) => {
  const dialog = element(
    "dialog",
    { "aria-label": "Keys" },
    element("h2", {}, "Keys"),
    element(
      "dl",
      {},
      ...[...keys, ...(follows ? [["g", "go to the end, and follow it"] as const] : [])].flatMap(([key, meaning]) => [
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

/** The button that goes to the end of a growing recording, and shows whether the page follows it. */
const liveButton = (store: Store, chart: Chart, list: EventList) => {
  const go = () => {
    chart.end()
    list.end()
  }
  const button = element("button", {
    class: "button live",
    type: "button",
    title: "Go to the end, and follow it (g)",
    click: go
  }, "Live")
  const show = () => button.setAttribute("aria-pressed", String(store.isAtEnd && list.isAtEnd))
  store.onChange(show)
  list.rows.addEventListener("scroll", show, { passive: true })
  show()
  return { button, go }
}

/** A report of the server about the recording. */
const notices = () => {
  const text = element("span")
  const reload = element("button", { class: "button", type: "button", click: () => location.reload() }, "Reload")
  const root = element("p", { class: "notice", role: "status", hidden: true }, text, reload)
  const show = (notice: Notice) => {
    text.textContent = notice.text
    root.hidden = notice.text === ""
    reload.hidden = !notice.final
  }
  return { root, show }
}

const start = (store: Store, follows: boolean, notice: HTMLElement): void => {
  const chart = new Chart(store)
  const list = new EventList(store, follows)
  const details = new Details(store)
  const facts = new Facts(store, follows)
  const query = new SearchField(store)
  const { chips, threads } = new Filters(store)
  const theme = themeButton(chart)
  const help = helpDialog(follows)
  const live = liveButton(store, chart, list)

  document.body.replaceChildren(
    element(
      "header",
      {},
      element(
        "div",
        { class: "bar" },
        element("h1", { title: store.timeline.title }, store.timeline.title),
        facts.root,
        element("div", { class: "tools" }, follows ? live.button : undefined, theme.button, help.button)
      ),
      element("div", { class: "bar" }, query.root, threads, chips),
      notice
    ),
    element("main", {}, chart.root, list.root, details.root),
    help.dialog
  )
  if (follows) list.end()

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
    const actions = new Map<string, () => void>([
      ["/", () => query.focus()],
      ["?", help.show],
      ["e", () => nextMark(store)],
      ["t", theme.toggle],
      ...(follows ? [["g", live.go] as const] : [])
    ])
    const action = actions.get(event.key)
    if (action === undefined) return event.defaultPrevented ? undefined : chart.zoomKey(event)
    event.preventDefault()
    action()
  })
}

const run = async (): Promise<void> => {
  const data = source()
  const { root, show } = notices()
  let store: Store | undefined
  let waiting: HTMLElement | undefined
  await data.send({
    notice: (notice) => {
      show(notice)
      if (store !== undefined) return
      waiting ??= document.body.appendChild(element("div", { class: "empty" }, root))
    },
    patch: async (patch) => {
      if (store !== undefined) {
        store.apply(patch)
        // The page is drawn before the next patch.
        if (!data.follows) await new Promise(requestAnimationFrame)
        return
      }
      const head = patch.head!
      const made = new Store(head, new Texts(head.chunk, (chunk) => data.texts(head.number, chunk)))
      made.apply(patch)
      // What is in sight at first appears at once.
      if (patch.events.at.length > 0) made.texts.get(0)
      await made.texts.load()
      store = made
      start(made, data.follows, root)
    }
  })
}

run().catch((error: unknown) => {
  document.body.append(element("p", { class: "empty" }, `The data of this page can't be read: ${String(error)}`))
})
