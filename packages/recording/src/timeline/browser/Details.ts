/**
 * The details of the selected span or message.
 */
import { badge, diff, facts, json, section } from "./content.ts"
import { colorOf, count, duration, element, kinds, moment } from "./dom.ts"
import type { Store } from "./Store.ts"
import type { Kind } from "./Timeline.ts"

type Json = { readonly [key: string]: unknown }

/** Entries of a list that are shown. */
const shownLinks = 200

/** Pieces that are shown of a text that is not complete, from its end. */
const shownPieces = 5000

const object = (value: unknown): Json =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? value as Json : {}

const list = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

/** Returns any value as words. `String` would call the `toString` of the value, which may be anything. */
const words = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? ""

const string = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined

export class Details {
  readonly root: HTMLElement
  private readonly store: Store
  private waiting: ReturnType<typeof setTimeout> | undefined

  constructor(store: Store) {
    this.store = store
    this.root = element("section", { class: "details", tabindex: -1, "aria-label": "Details" })
    store.onChange((state, before) => {
      if (state.selected !== before.selected) this.show()
    })
    store.onGrowth((patch) => {
      const { selected } = store.state
      // Without a change of the selection, the details are as they were; a text that is selected in them stays selected.
      const isChanged = selected === undefined
        ? patch.marks.length > 0 || patch.spans.some(([, { kind }]) => kind === "turn")
        : selected.type === "span" && (patch.events.span.includes(selected.index)
          || patch.spans.some(([index, { turn }]) => index === selected.index || turn === selected.index))
      if (isChanged) this.showLater()
    })
    this.show()
  }

  /** Shows changes of what is selected, a few times a second. */
  private showLater(): void {
    if (this.waiting !== undefined) return
    this.waiting = setTimeout(() => {
      const { scrollTop } = this.root
      this.show()
      this.root.scrollTop = scrollTop
    }, 250)
  }

  /** Shows the selection. Texts that are not loaded yet appear when they are. */
  private show(isLoaded = false): void {
    clearTimeout(this.waiting)
    this.waiting = undefined
    const { selected } = this.store.state
    const { scrollTop } = this.root
    this.root.replaceChildren(
      ...(selected === undefined
        ? this.overview()
        : selected.type === "span"
        ? this.span(selected.index)
        : this.event(selected.index))
    )
    this.root.scrollTop = isLoaded ? scrollTop : 0
    this.store.texts.load()?.then(
      () => {
        // What is missing now had no room.
        if (!isLoaded && this.store.state.selected === selected) this.show(true)
      },
      () =>
        this.root.append(
          element(
            "p",
            { class: "hint" },
            "The texts can't be loaded: the server of this page has stopped, or the recording has changed."
          )
        )
    )
  }

  private message(event: number): Json {
    try {
      return object(JSON.parse(this.store.texts.get(event)))
    } catch {
      return {}
    }
  }

  /** The overview, while nothing is selected. */
  private overview(): ReadonlyArray<Node> {
    const { timeline: { lanes, marks, sdk, server, spans, startedAt }, turns } = this.store
    return [
      element("h2", {}, "Recording"),
      facts([
        ["Recorded", new Date(startedAt).toLocaleString()],
        ["Server", server ?? "unknown"],
        ["effect-codex", sdk]
      ]),
      ...(marks.length === 0 ? [] : [
        element("h3", {}, "Errors and warnings"),
        this.links(
          marks.slice(0, shownLinks).map(({ at, event, label, level }) => ({
            color: level,
            label,
            side: moment(at),
            go: () => this.store.select({ type: "event", index: event })
          })),
          marks.length
        )
      ]),
      element("h3", {}, "Turns"),
      this.links(
        turns.slice(0, shownLinks).map((index) => {
          const span = spans[index]!
          return {
            color: span.status === "failed" ? "error" : span.kind,
            label: span.label,
            side: `${lanes[span.lane]!.title.slice(0, 24)} · ${
              span.end === undefined ? "no end" : duration(span.end - span.start)
            }`,
            go: () => this.store.select({ type: "span", index })
          }
        }),
        turns.length
      ),
      element("h3", {}, "Hints"),
      element(
        "ul",
        { class: "hint" },
        ...[
          "Click a bar or a message to see its details.",
          "Drag to move. Zoom with Ctrl and the wheel, or drag in the overview to choose a time.",
          "Click the name of a thread to fold it."
        ].map((text) => element("li", {}, text)),
        element("li", {}, "Press ", element("kbd", {}, "?"), " for all keys.")
      )
    ]
  }

  private span(index: number): ReadonlyArray<Node> {
    const { lanes, spans } = this.store.timeline
    const span = spans[index]!
    const events = this.store.eventsOf(index)
    const deltas = events.reduce((sum, event) => sum + this.store.timeline.events.delta[event]!, 0)
    const turn = span.turn
    return [
      badge(span.kind, kinds[span.kind].one),
      ...(span.detail === "" ? [] : [badge(span.status === "failed" ? "error" : "other", span.detail)]),
      element("h2", {}, span.label),
      facts([
        ["Thread", lanes[span.lane]!.title],
        ["From", moment(span.start)],
        ["To", span.end === undefined ? "not recorded" : moment(span.end)],
        ["Took", span.end === undefined ? "—" : duration(span.end - span.start)],
        ["Messages", `${count(events.length)}${deltas > 0 ? ` (${count(deltas)} pieces of text)` : ""}`]
      ]),
      ...this.body(index, span.kind),
      ...(turn === undefined || spans[turn] === undefined ? [] : [
        element("h3", {}, "In the turn"),
        this.links([{
          color: "turn",
          label: spans[turn]!.label,
          side: moment(spans[turn]!.start),
          go: () => this.store.select({ type: "span", index: turn })
        }])
      ]),
      ...(span.kind === "turn" ? this.turnContent(index) : []),
      element("h3", {}, "Messages"),
      this.eventLinks(events)
    ]
  }

  /** The content of a span, by its kind. */
  private body(index: number, kind: Kind): ReadonlyArray<Node> {
    const events = this.store.eventsOf(index)
    const asked = this.message(events[0] ?? -1)
    const last = this.message(events.at(-1) ?? -1)
    switch (kind) {
      case "turn": {
        const tokens = this.store.tokens[this.store.timeline.spans[index]!.lane]!
          .findLast(({ event }) => this.store.timeline.events.span[event] === index)
        const usage = tokens === undefined
          ? undefined
          : object(object(this.message(tokens.event)["params"])["tokenUsage"])
        const error = object(object(object(last["params"])["turn"])["error"])
        return [
          ...(usage === undefined ? [] : [
            element("h3", {}, "Tokens"),
            facts(
              ["input", "cachedInput", "output", "reasoningOutput", "total"].flatMap((name) => {
                const value = object(usage["last"])[`${name}Tokens`]
                const label = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
                return typeof value === "number" ? [[label, count(value)] as const] : []
              })
            )
          ]),
          ...section("Error", string(error["message"]))
        ]
      }
      case "approval": {
        const params = object(asked["params"])
        const answer = events.length > 1 ? last : {}
        return [
          ...section("Why", string(params["reason"])),
          ...section("Command", string(params["command"]), true),
          ...json("Asked", params),
          ...json(answer["error"] === undefined ? "Answered" : "Refused", answer["result"] ?? answer["error"])
        ]
      }
      case "request": {
        const answer = events.length > 1 ? last : {}
        return [
          ...json("Parameters", asked["params"]),
          ...json(answer["error"] === undefined ? "Answer" : "Error", answer["error"] ?? answer["result"])
        ]
      }
      default:
        return this.item(events)
    }
  }

  private item(events: ReadonlyArray<number>): ReadonlyArray<Node> {
    const { delta } = this.store.timeline.events
    const described = events.filter((event) => delta[event] === 0)
    const item = object(object(this.message(described.at(-1) ?? -1)["params"])["item"])
    const pieces = () =>
      events.filter((event) => delta[event] === 1).slice(-shownPieces)
        .map((event) => string(object(this.message(event)["params"])["delta"]) ?? "").join("")
    switch (item["type"]) {
      case "agentMessage":
      case "plan":
        return section("Text", string(item["text"]) ?? string(pieces()))
      case "reasoning":
        return section(
          "Reasoning",
          string([...list(item["summary"]), ...list(item["content"])].map(words).join("\n\n")) ?? string(pieces())
        )
      case "userMessage":
        return [
          ...section(
            "Input",
            string(
              list(item["content"]).map(object).map(({ text, type, url, path }) => words(text ?? url ?? path ?? type))
                .join("\n")
            )
          )
        ]
      case "commandExecution":
        return [
          ...section("Command", string(item["command"]), true),
          ...section("Output", string(item["aggregatedOutput"]) ?? string(pieces()), true),
          facts([["Directory", string(item["cwd"]) ?? "—"], ["Exit code", words(item["exitCode"] ?? "—")]])
        ]
      case "fileChange":
        return list(item["changes"]).map(object).flatMap(({ diff: text, kind, path }) => [
          element("h3", {}, `${words(object(kind)["type"] ?? "")} ${words(path)}`),
          diff(words(text ?? ""))
        ])
      case "mcpToolCall":
      case "dynamicToolCall":
        return [
          ...json("Arguments", item["arguments"]),
          ...json("Result", item["contentItems"] ?? item["result"]),
          ...json("Error", item["error"])
        ]
      default:
        return json("Item", Object.keys(item).length === 0 ? undefined : item)
    }
  }

  private turnContent(turn: number): ReadonlyArray<Node> {
    const { spans } = this.store.timeline
    const parts = spans.flatMap((span, index) =>
      span.turn !== turn || span.kind === "request" ? [] : [{
        color: span.status === "failed" ? "error" as const : span.kind,
        label: span.label,
        side: span.end === undefined ? "no end" : duration(span.end - span.start),
        go: () => this.store.select({ type: "span", index })
      }]
    )
    return parts.length === 0 ? [] : [element("h3", {}, "Parts of the turn"), this.links(parts)]
  }

  private event(index: number): ReadonlyArray<Node> {
    const { events, lanes, marks, spans } = this.store.timeline
    const direction = this.store.directionOf(index)
    const span = events.span[index]!
    const mark = marks.find((mark) => mark.event === index)
    const message = this.message(index)
    const isMessage = direction === "sent" || direction === "received"
    return [
      badge(mark?.level ?? (span < 0 ? "other" : spans[span]!.kind), direction === "ended" ? "connection" : direction),
      element("h2", {}, this.store.methodOf(index)),
      facts([
        ["Thread", lanes[events.lane[index]!]!.title],
        ["At", moment(events.at[index]!)],
        ["Clock", new Date(Date.parse(this.store.timeline.startedAt) + events.at[index]!).toLocaleTimeString()]
      ]),
      ...(mark === undefined ? [] : section(mark.level === "error" ? "Error" : "Warning", mark.label)),
      ...section("Piece of text", string(object(message["params"])["delta"])),
      ...(isMessage ? json("Message", message) : section("Text", this.store.texts.get(index), true)),
      ...(span < 0 ? [] : [
        element("h3", {}, "Belongs to"),
        this.links([{
          color: spans[span]!.kind,
          label: spans[span]!.label,
          side: moment(spans[span]!.start),
          go: () => this.store.select({ type: "span", index: span })
        }])
      ])
    ]
  }

  private eventLinks(events: ReadonlyArray<number>): HTMLElement {
    const { at, delta } = this.store.timeline.events
    const described = events.filter((event) => delta[event] === 0)
    return this.links(
      described.slice(0, shownLinks).map((event) => ({
        color: "other",
        label: `${this.store.directionOf(event) === "sent" ? "→" : "←"} ${this.store.methodOf(event)}`,
        side: moment(at[event]!),
        go: () => this.store.select({ type: "event", index: event })
      })),
      described.length
    )
  }

  private links(
    links: ReadonlyArray<{
      readonly color: Kind | "error" | "warning"
      readonly label: string
      readonly side: string
      readonly go: () => void
    }>,
    total = links.length
  ): HTMLElement {
    const nodes = links.slice(0, shownLinks).map(({ color, go, label, side }) =>
      element(
        "button",
        { class: "link", type: "button", style: colorOf(color), click: go },
        element("i"),
        element("span", {}, label),
        element("small", {}, side)
      )
    )
    const rest = total - nodes.length
    return element(
      "div",
      { class: "links" },
      ...nodes,
      ...(rest > 0 ? [element("span", { class: "hint" }, `and ${count(rest)} more, in the list of messages`)] : [])
    )
  }
}
