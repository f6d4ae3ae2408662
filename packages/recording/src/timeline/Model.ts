/**
 * The model of a timeline: sorts the messages of a recording into threads, turns and items, with their times and outcomes.
 * A message of an unknown kind stays visible as an event. The model grows with the recording.
 */
import * as Recording from "../format/Recording.ts"
import type { Direction, Mark, Span } from "./browser/Timeline.ts"
import { Data } from "./Data.ts"
import { brief, number, object, text } from "./json.ts"
import { decisionOf, inputText, itemLabel, kindOf, questionLabel, statusOf } from "./labels.ts"

type Json = Recording.Message

/** Identifies a request, turn or item within a connection. */
const keyOf = (connection: number, kind: string, ...ids: ReadonlyArray<unknown>): string =>
  `${connection} ${kind} ${JSON.stringify(ids)}`

/** The lane of messages that belong to no thread. */
const outside = 0

/** Returns the text of an entry, as the page shows it: the message as JSON, or what is no message as it is. */
export const textOf = (entry: Recording.Entry): string => {
  switch (entry._tag) {
    case "Garbage":
      return entry.text
    case "Ended":
      return entry.error.message
    default:
      return JSON.stringify(entry.message)
  }
}

/** A request, its span and its event. */
interface Request {
  readonly span: number
  readonly event: number
  readonly method: string
}

export class Model {
  readonly data = new Data()

  private readonly laneIds = new Map<string, number>()
  /** Spans that later messages may continue, by key. */
  private readonly named = new Map<string, number>()
  private readonly requests = new Map<string, Request>()
  /** By lane, the request that the next turn may result from. */
  private readonly starts = new Map<number, number>()
  /** The parts of each turn that is not completed, by the span of the turn. */
  private readonly parts = new Map<number, Array<number>>()
  /** By lane, the last error. */
  private readonly lastErrors = new Map<number, Mark>()
  /** The beginnings of the texts of items that are not completed. */
  private readonly beginnings = new Map<number, string>()
  private readonly connections = new Set<number>()
  private readonly ended = new Set<number>()

  constructor() {
    this.data.addLane("", "app-server")
  }

  /** Adds the next entry of the recording, which becomes the next event. Time never runs backwards. */
  add(entry: Recording.Entry): void {
    const at = Math.max(this.data.duration, entry.at)
    const { connection } = entry
    this.data.duration = at
    this.connections.add(connection)
    if (entry._tag === "Ended") this.ended.add(connection)
    this.data.complete = this.ended.size === this.connections.size
    switch (entry._tag) {
      case "Garbage": {
        const event = this.event(at, "garbage", { method: "not a message" })
        this.data.marks.push({ level: "error", lane: outside, at, label: "not a message", event })
        return
      }
      case "Ended":
        return this.closed(at, connection, entry.error)
      case "Sent":
        return this.sent(at, connection, entry.message)
      case "Received":
        return this.received(at, connection, entry.message)
    }
  }

  private closed(at: number, connection: number, error: Recording.Ending): void {
    const event = this.event(at, "ended", { method: "connection ended" })
    const isClosed = error._tag === "CodexConnectionError" && error.reason._tag === "Closed"
    if (!isClosed) {
      this.data.marks.push({ level: "error", lane: outside, at, label: "connection lost", event })
    }
    for (const [name, index] of this.named) {
      const span = this.data.spans[index]!
      if (name.startsWith(`${connection} `) && span.end === undefined && span.status === "open") {
        this.data.changeSpan(index, { detail: isClosed ? "closed" : "connection lost" })
      }
    }
  }

  private lane(id: string | undefined): number {
    if (id === undefined) return outside
    const known = this.laneIds.get(id)
    if (known !== undefined) return known
    const index = this.data.addLane(id)
    this.laneIds.set(id, index)
    return index
  }

  private open(span: Pick<Span, "kind" | "lane" | "start" | "label" | "turn">): number {
    const index = this.data.addSpan({ status: "open", detail: "", ...span })
    if (span.turn !== undefined) {
      const parts = this.parts.get(span.turn)
      if (parts === undefined) this.parts.set(span.turn, [index])
      else parts.push(index)
    }
    return index
  }

  private event(
    at: number,
    direction: Direction,
    { delta = false, lane = outside, method = "", span = -1 }: {
      readonly lane?: number | undefined
      readonly span?: number | undefined
      readonly method?: string | undefined
      readonly delta?: boolean | undefined
    }
  ): number {
    return this.data.addEvent(at, direction, lane, span, method, delta)
  }

  private sent(at: number, connection: number, message: Json): void {
    const { id, method } = message
    const params = object(message["params"])
    if (typeof method !== "string") {
      const asked = this.requests.get(keyOf(connection, "server", id))
      const span = asked === undefined ? undefined : this.data.spans[asked.span]
      this.event(at, "sent", { lane: span?.lane, span: asked?.span, method: asked?.method })
      if (asked !== undefined) this.data.changeSpan(asked.span, { end: at, ...decisionOf(message) })
      return
    }
    const lane = this.lane(text(params["threadId"]))
    if (id === undefined) {
      this.event(at, "sent", { lane, method })
      return
    }
    const turn = this.named.get(keyOf(connection, "turn", params["turnId"] ?? params["expectedTurnId"]))
    const said = params["input"] === undefined ? "" : ` ${inputText(params["input"])}`
    const span = this.open({ kind: "request", lane, start: at, label: `${method}${said}`, turn })
    const event = this.event(at, "sent", { lane, span, method })
    this.requests.set(keyOf(connection, "client", id), { span, event, method })
    this.named.set(keyOf(connection, "request", id), span)
    if (method === "turn/start" || method === "review/start") this.starts.set(lane, span)
    if (method === "turn/start" && this.data.lanes[lane]!.title === "") {
      this.data.changeLane(lane, { title: inputText(params["input"]) })
    }
  }

  private received(at: number, connection: number, message: Json): void {
    const { id, method } = message
    const params = object(message["params"])
    if (typeof method !== "string") return this.answered(at, connection, message)
    const thread = object(params["thread"])
    const lane = this.lane(text(params["threadId"]) ?? text(thread["id"]) ?? text(params["conversationId"]))
    const turnId = text(params["turnId"]) ?? text(object(params["turn"])["id"])
    const turn = turnId === undefined ? undefined : this.turn(at, connection, lane, turnId)

    if (id !== undefined) {
      const span = this.open({ kind: "approval", lane, start: at, label: questionLabel(method, params), turn })
      const event = this.event(at, "received", { lane, span, method })
      this.requests.set(keyOf(connection, "server", id), { span, event, method })
      this.named.set(keyOf(connection, "question", id), span)
      return
    }

    const item = object(params["item"])
    const itemId = text(params["itemId"]) ?? text(item["id"])
    const span = itemId === undefined ? turn : this.item(at, connection, lane, turn, itemId, method, item)
    const delta = typeof params["delta"] === "string" || typeof params["deltaBase64"] === "string"
    if (delta && itemId !== undefined && span !== undefined) {
      const beginning = this.beginnings.get(span) ?? ""
      if (beginning.length < 200) this.begin(span, beginning + (text(params["delta"]) ?? ""))
    }
    const event = this.event(at, "received", { lane, span, method, delta })
    this.understand(at, connection, lane, turn, method, params, event)
  }

  /** Labels an item that is not completed with its text so far. */
  private begin(span: number, beginning: string): void {
    this.beginnings.set(span, beginning)
    const label = brief(beginning)
    if (label !== this.data.spans[span]!.label) this.data.changeSpan(span, { label })
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
      this.data.marks.push(made)
      if (level === "error") this.lastErrors.set(lane, made)
    }
    switch (method) {
      case "thread/started":
        return this.describe(lane, object(params["thread"]))
      case "thread/name/updated":
        this.data.changeLane(lane, {
          title: text(params["threadName"]) ?? text(params["name"]) ?? this.data.lanes[lane]!.title
        })
        return
      case "turn/completed": {
        const ended = object(params["turn"])
        const error = text(object(ended["error"])["message"])
        if (turn !== undefined) {
          this.data.changeSpan(turn, {
            end: at,
            status: statusOf(ended["status"]),
            detail: text(ended["status"]) ?? "completed"
          })
          for (const index of this.parts.get(turn) ?? []) {
            const span = this.data.spans[index]!
            if (span.end === undefined && span.kind !== "request") {
              this.data.changeSpan(index, { end: at, status: "stopped", detail: "ended with its turn" })
            }
          }
          this.parts.delete(turn)
        }
        // A notification `error` usually came before.
        const since = turn === undefined ? 0 : this.data.spans[turn]!.start
        const last = this.lastErrors.get(lane)
        const isMarked = last !== undefined && last.at >= since && last.label === brief(error ?? "")
        if (error !== undefined && !isMarked) mark("error", error)
        return
      }
      case "thread/tokenUsage/updated": {
        const usage = object(params["tokenUsage"])
        const total = number(object(usage["total"])["totalTokens"]) ?? 0
        if (total > 0) this.data.tokens.push({ lane, at, total, event })
        return
      }
      case "serverRequest/resolved": {
        const asked = this.requests.get(keyOf(connection, "server", params["requestId"]))
        if (asked !== undefined && this.data.spans[asked.span]!.end === undefined) {
          this.data.changeSpan(asked.span, { end: at, status: "stopped", detail: "withdrawn" })
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
    const thread = object(object(message["result"])["thread"])
    const opened = text(thread["id"])
    // The request could not name the thread that it starts.
    if (asked?.method === "thread/start" && opened !== undefined) {
      this.data.moveSpan(asked.span, this.lane(opened), asked.event)
    }
    const lane = asked === undefined ? outside : this.data.spans[asked.span]!.lane
    const event = this.event(at, "received", { lane, span: asked?.span, method: asked?.method })
    if (asked === undefined) return
    const error = message["error"]
    if (error === undefined) {
      this.data.changeSpan(asked.span, { end: at, status: "ok", detail: "answered" })
      const { model, thread } = object(message["result"])
      if (Recording.isMessage(thread)) this.describe(this.lane(text(thread["id"])), thread, text(model))
      return
    }
    const label = text(object(error)["message"]) ?? "error"
    this.data.changeSpan(asked.span, { end: at, status: "failed", detail: brief(label) })
    this.data.marks.push({ level: "error", lane, at, label: `${asked.method}: ${brief(label)}`, event })
  }

  /** Returns the span of a turn, which begins with the first message about it. */
  private turn(at: number, connection: number, lane: number, id: string): number {
    const name = keyOf(connection, "turn", id)
    const known = this.named.get(name)
    if (known !== undefined) return known
    const asked = this.starts.get(lane)
    const label = asked === undefined ? "turn" : this.data.spans[asked]!.label.replace(/^\S+ ?/, "") || "turn"
    const span = this.open({ kind: "turn", lane, start: at, label, turn: undefined })
    this.named.set(name, span)
    if (asked !== undefined && this.data.spans[asked]!.turn === undefined) this.data.changeSpan(asked, { turn: span })
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
    const name = keyOf(connection, "item", this.data.lanes[lane]!.id, id)
    const type = text(item["type"])
    let index = this.named.get(name)
    if (index === undefined) {
      index = this.open({ kind: kindOf(type), lane, start: at, label: brief(type ?? method), turn })
      this.named.set(name, index)
    }
    const label = type === undefined ? {} : { label: itemLabel(item) || type }
    if (method !== "item/completed") {
      if (type !== undefined) this.data.changeSpan(index, label)
      return index
    }
    const { exitCode, phase, status, success } = item
    const isFailed = success === false || (typeof exitCode === "number" && exitCode !== 0)
    this.beginnings.delete(index)
    this.data.changeSpan(index, {
      ...label,
      end: at,
      status: isFailed ? "failed" : statusOf(status),
      detail: typeof exitCode === "number" ? `exit ${exitCode}` : text(status) ?? text(phase) ?? "completed"
    })
    return index
  }

  private describe(lane: number, thread: Json, model = text(thread["model"])): void {
    const place = this.data.lanes[lane]!
    const agent = text(thread["agentNickname"]) ?? text(thread["agentRole"])
    const parts = [agent === undefined ? undefined : `agent ${agent}`, model, text(thread["cwd"])]
    const subtitle = parts.filter((part) => part !== undefined).join(" · ")
    this.data.changeLane(lane, {
      title: text(thread["name"]) ?? text(place.title) ?? brief(text(thread["preview"]) ?? ""),
      ...(subtitle.length > place.subtitle.length ? { subtitle } : {})
    })
  }
}
