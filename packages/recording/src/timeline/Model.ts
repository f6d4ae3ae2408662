/**
 * The model of a timeline: sorts the messages of a recording into threads, turns and items, with their times and outcomes.
 * A message of an unknown kind stays visible as an event.
 */
import * as Recording from "../format/Recording.ts"
import type { Direction, Lane, Mark, Span, Timeline } from "./browser/Timeline.ts"
import { brief, number, object, text } from "./json.ts"
import { decisionOf, inputText, itemLabel, kindOf, questionLabel, statusOf } from "./labels.ts"
import { arrange } from "./rows.ts"

type Json = Recording.Message

/** Identifies a request, turn or item within a connection. */
const keyOf = (connection: number, kind: string, ...ids: ReadonlyArray<unknown>): string =>
  `${connection} ${kind} ${JSON.stringify(ids)}`

/** The lane of messages that belong to no thread. */
const outside = 0

class Builder {
  readonly lanes: Array<Lane> = [{ id: "", title: "app-server", subtitle: "", rows: 0, tokens: [] }]
  readonly spans: Array<Span> = []
  readonly marks: Array<Mark> = []
  readonly events: Timeline["events"] = { at: [], lane: [], span: [], direction: [], method: [], delta: [], text: [] }

  private readonly laneIds = new Map<string, number>()
  /** Spans that later messages may continue, by key. */
  private readonly named = new Map<string, number>()
  private readonly requests = new Map<string, { readonly span: number; readonly method: string }>()
  /** By lane, the request that the next turn may result from. */
  private readonly starts = new Map<number, number>()
  /** The parts of each turn, by the span of the turn. */
  private readonly parts = new Map<number, Array<number>>()
  /** By lane, the last error. */
  private readonly lastErrors = new Map<number, Mark>()
  private readonly openedThreads: ReadonlyMap<number, string>
  /** The beginnings of the texts of items that are not completed. */
  private readonly beginnings = new Map<number, string>()

  constructor(entries: Recording.Recording["entries"]) {
    this.openedThreads = Recording.openedThreads(entries)
    for (const entry of entries) this.add(entry)
    for (const [span, text] of this.beginnings) this.spans[span]!.label = brief(text)
    arrange(this.lanes, this.spans)
  }

  private lane(id: string | undefined): number {
    if (id === undefined) return outside
    const known = this.laneIds.get(id)
    if (known !== undefined) return known
    const index = this.lanes.push({ id, title: "", subtitle: "", rows: 0, tokens: [] }) - 1
    this.laneIds.set(id, index)
    return index
  }

  private open(span: Omit<Span, "row" | "end" | "status" | "detail"> & Partial<Span>): number {
    const index = this.spans.push({ row: 0, end: undefined, status: "open", detail: "", ...span }) - 1
    if (span.turn !== undefined) {
      const parts = this.parts.get(span.turn)
      if (parts === undefined) this.parts.set(span.turn, [index])
      else parts.push(index)
    }
    return index
  }

  private event(
    entry: { readonly at: number },
    direction: Direction,
    body: string,
    { delta = false, lane = outside, method = "", span = -1 }: {
      readonly lane?: number | undefined
      readonly span?: number | undefined
      readonly method?: string | undefined
      readonly delta?: boolean | undefined
    }
  ): number {
    const { events } = this
    events.lane.push(lane)
    events.span.push(span)
    events.direction.push(direction)
    events.method.push(method)
    events.delta.push(delta ? 1 : 0)
    events.text.push(body)
    return events.at.push(entry.at) - 1
  }

  private add(entry: Recording.Recording["entries"][number]): void {
    switch (entry._tag) {
      case "Garbage": {
        const event = this.event(entry, "garbage", entry.text, { method: "not a message" })
        this.marks.push({ level: "error", lane: outside, at: entry.at, label: "not a message", event })
        return
      }
      case "Ended": {
        const { error } = entry
        const event = this.event(entry, "ended", error.message, { method: "connection ended" })
        const closed = error._tag === "CodexConnectionError" && error.reason._tag === "Closed"
        if (!closed) {
          this.marks.push({ level: "error", lane: outside, at: entry.at, label: "connection lost", event })
        }
        for (const [name, index] of this.named) {
          const span = this.spans[index]!
          if (name.startsWith(`${entry.connection} `) && span.end === undefined && span.status === "open") {
            span.detail = closed ? "closed" : "connection lost"
          }
        }
        return
      }
      case "Sent":
        return this.sent(entry.at, entry.connection, entry.line, entry.message)
      case "Received":
        return this.received(entry.at, entry.connection, entry.message)
    }
  }

  private sent(at: number, connection: number, line: number, message: Json): void {
    const { id, method } = message
    const params = object(message["params"])
    const body = JSON.stringify(message)
    if (typeof method !== "string") {
      const asked = this.requests.get(keyOf(connection, "server", id))
      const span = asked === undefined ? undefined : this.spans[asked.span]
      this.event({ at }, "sent", body, { lane: span?.lane, span: asked?.span, method: asked?.method })
      if (span !== undefined) Object.assign(span, { end: at, ...decisionOf(message) })
      return
    }
    const lane = this.lane(text(params["threadId"]) ?? this.openedThreads.get(line))
    if (id === undefined) {
      this.event({ at }, "sent", body, { lane, method })
      return
    }
    const turn = this.named.get(keyOf(connection, "turn", params["turnId"] ?? params["expectedTurnId"]))
    const said = params["input"] === undefined ? "" : ` ${inputText(params["input"])}`
    const span = this.open({ kind: "request", lane, start: at, label: `${method}${said}`, turn })
    this.requests.set(keyOf(connection, "client", id), { span, method })
    this.named.set(keyOf(connection, "request", id), span)
    this.event({ at }, "sent", body, { lane, span, method })
    if (method === "turn/start" || method === "review/start") this.starts.set(lane, span)
    if (method === "turn/start" && this.lanes[lane]!.title === "") this.lanes[lane]!.title = inputText(params["input"])
  }

  private received(at: number, connection: number, message: Json): void {
    const { id, method } = message
    const params = object(message["params"])
    if (typeof method !== "string") return this.answered(at, connection, message)
    const body = JSON.stringify(message)
    const thread = object(params["thread"])
    const lane = this.lane(text(params["threadId"]) ?? text(thread["id"]) ?? text(params["conversationId"]))
    const turnId = text(params["turnId"]) ?? text(object(params["turn"])["id"])
    const turn = turnId === undefined ? undefined : this.turn(at, connection, lane, turnId)

    if (id !== undefined) {
      const span = this.open({ kind: "approval", lane, start: at, label: questionLabel(method, params), turn })
      this.requests.set(keyOf(connection, "server", id), { span, method })
      this.named.set(keyOf(connection, "question", id), span)
      this.event({ at }, "received", body, { lane, span, method })
      return
    }

    const item = object(params["item"])
    const itemId = text(params["itemId"]) ?? text(item["id"])
    const span = itemId === undefined ? turn : this.item(at, connection, lane, turn, itemId, method, item)
    const delta = typeof params["delta"] === "string" || typeof params["deltaBase64"] === "string"
    if (delta && itemId !== undefined && span !== undefined) {
      const beginning = this.beginnings.get(span) ?? ""
      if (beginning.length < 200) this.beginnings.set(span, beginning + (text(params["delta"]) ?? ""))
    }
    const event = this.event({ at }, "received", body, { lane, span, method, delta })
    this.understand(at, connection, lane, turn, method, params, event)
  }

  /** Applies a notification to its lane and turn. */
  private understand(
    at: number,
    connection: number,
    lane: number,
    turn: number | undefined,
    method: string,
    params: Json,
    event: number
  ): void {
    const mark = (level: Mark["level"], label: string) => {
      const made: Mark = { level, lane, at, label: brief(label), event }
      this.marks.push(made)
      if (level === "error") this.lastErrors.set(lane, made)
    }
    const place = this.lanes[lane]!
    switch (method) {
      case "thread/started":
        return this.describe(lane, object(params["thread"]))
      case "thread/name/updated":
        place.title = text(params["threadName"]) ?? text(params["name"]) ?? place.title
        return
      case "turn/completed": {
        const ended = object(params["turn"])
        const error = text(object(ended["error"])["message"])
        if (turn !== undefined) {
          Object.assign(this.spans[turn]!, {
            end: at,
            status: statusOf(ended["status"]),
            detail: text(ended["status"]) ?? "completed"
          })
          for (const index of this.parts.get(turn) ?? []) {
            const span = this.spans[index]!
            if (span.end === undefined && span.kind !== "request") {
              Object.assign(span, { end: at, status: "stopped", detail: "ended with its turn" })
            }
          }
        }
        // A notification `error` usually came before.
        const since = turn === undefined ? 0 : this.spans[turn]!.start
        const last = this.lastErrors.get(lane)
        const isMarked = last !== undefined && last.at >= since && last.label === brief(error ?? "")
        if (error !== undefined && !isMarked) mark("error", error)
        return
      }
      case "thread/tokenUsage/updated": {
        const usage = object(params["tokenUsage"])
        const total = number(object(usage["total"])["totalTokens"]) ?? 0
        if (total > 0) place.tokens.push({ at, total, event })
        return
      }
      case "serverRequest/resolved": {
        const asked = this.requests.get(keyOf(connection, "server", params["requestId"]))
        const span = asked === undefined ? undefined : this.spans[asked.span]
        if (span !== undefined && span.end === undefined) {
          Object.assign(span, { end: at, status: "stopped", detail: "withdrawn" })
        }
        return
      }
      case "error":
        mark(params["willRetry"] === true ? "warning" : "error", text(object(params["error"])["message"]) ?? "error")
        return
      case "warning":
      case "guardianWarning":
      case "configWarning":
      case "deprecationNotice":
        mark("warning", text(params["message"]) ?? text(params["summary"]) ?? method)
        return
      default:
        if (/(^|\/)error$/.test(method)) mark("error", text(params["message"]) ?? method)
    }
  }

  private answered(at: number, connection: number, message: Json): void {
    const asked = this.requests.get(keyOf(connection, "client", message["id"]))
    const span = asked === undefined ? undefined : this.spans[asked.span]
    const event = this.event({ at }, "received", JSON.stringify(message), {
      lane: span?.lane,
      span: asked?.span,
      method: asked?.method
    })
    if (span === undefined) return
    const error = message["error"]
    if (error === undefined) {
      Object.assign(span, { end: at, status: "ok", detail: "answered" })
      const { model, thread } = object(message["result"])
      if (Recording.isMessage(thread)) this.describe(this.lane(text(thread["id"])), thread, text(model))
      return
    }
    const label = text(object(error)["message"]) ?? "error"
    Object.assign(span, { end: at, status: "failed", detail: brief(label) })
    this.marks.push({ level: "error", lane: span.lane, at, label: `${asked!.method}: ${brief(label)}`, event })
  }

  /** Returns the span of a turn, which begins with the first message about it. */
  private turn(at: number, connection: number, lane: number, id: string): number {
    const name = keyOf(connection, "turn", id)
    const known = this.named.get(name)
    if (known !== undefined) return known
    const asked = this.spans[this.starts.get(lane) ?? -1]
    const label = asked === undefined ? "turn" : asked.label.replace(/^\S+ ?/, "") || "turn"
    const span = this.open({ kind: "turn", lane, start: at, label, turn: undefined })
    this.named.set(name, span)
    if (asked !== undefined) asked.turn ??= span
    return span
  }

  private item(
    at: number,
    connection: number,
    lane: number,
    turn: number | undefined,
    id: string,
    method: string,
    item: Json
  ): number {
    const name = keyOf(connection, "item", this.lanes[lane]!.id, id)
    const type = text(item["type"])
    let index = this.named.get(name)
    if (index === undefined) {
      index = this.open({ kind: kindOf(type), lane, start: at, label: brief(type ?? method), turn })
      this.named.set(name, index)
    }
    const span = this.spans[index]!
    if (type !== undefined) span.label = itemLabel(item) || type
    if (method === "item/completed") {
      const { exitCode, phase, status, success } = item
      this.beginnings.delete(index)
      span.end = at
      span.status = success === false ? "failed" : statusOf(status)
      if (typeof exitCode === "number" && exitCode !== 0) span.status = "failed"
      span.detail = typeof exitCode === "number" ? `exit ${exitCode}` : text(status) ?? text(phase) ?? "completed"
    }
    return index
  }

  private describe(lane: number, thread: Json, model = text(thread["model"])): void {
    const place = this.lanes[lane]!
    const agent = text(thread["agentNickname"]) ?? text(thread["agentRole"])
    place.title = text(thread["name"]) ?? text(place.title) ?? brief(text(thread["preview"]) ?? "")
    const parts = [agent === undefined ? undefined : `agent ${agent}`, model, text(thread["cwd"])]
    const subtitle = parts.filter((part) => part !== undefined).join(" · ")
    if (subtitle.length > place.subtitle.length) place.subtitle = subtitle
  }
}

/** Creates the timeline of a recording. `title` is the title of the page. */
export const make = ({ entries, file, header }: Recording.Recording, title: string = file): Timeline => {
  const { events, lanes, marks, spans } = new Builder(entries)
  const connections = new Set(entries.map(({ connection }) => connection))
  const ended = new Set(entries.flatMap((entry) => entry._tag === "Ended" ? [entry.connection] : []))
  lanes.forEach((lane, index) => {
    if (index !== outside && lane.title === "") {
      lane.title = `thread ${lane.id.length > 12 ? lane.id.slice(-6) : lane.id}`
    }
  })
  return {
    title,
    startedAt: header.startedAt,
    sdk: header.sdk,
    server: header.server,
    duration: entries.at(-1)?.at ?? 0,
    complete: connections.size > 0 && ended.size === connections.size,
    lanes,
    spans,
    marks,
    events
  }
}
