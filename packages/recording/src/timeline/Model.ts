/**
 * Makes a timeline of a recording: which thread, turn and item each message belongs to, how long each went on, and how it
 * ended. Whatever it does not know stays visible as an event.
 */
import * as Recording from "../Recording.ts"
import type { Direction, Kind, Lane, Mark, Span, Status, Timeline } from "./browser/Timeline.ts"

type Json = Recording.Message

const object = (value: unknown): Json => Recording.isMessage(value) ? value : {}
const text = (value: unknown): string | undefined => typeof value === "string" && value !== "" ? value : undefined
const number = (value: unknown): number | undefined => typeof value === "number" ? value : undefined

/** The first line of a text, shortened. */
const brief = (value: string, max = 120): string => {
  const [line = ""] = value.trim().split("\n", 1)
  return line.length > max ? `${line.slice(0, max)}…` : line
}

/** What the user said, of the parameters of a turn or of an item. */
const inputText = (input: unknown): string =>
  brief(
    (Array.isArray(input) ? input : []).map(object).map(({ name, path, text, type, url }) =>
      String(text ?? name ?? path ?? url ?? type)
    ).join(" ")
  )

/** Kinds of the types of items. */
const itemKinds: { readonly [type: string]: Kind } = {
  userMessage: "user",
  agentMessage: "message",
  plan: "message",
  reasoning: "reasoning",
  commandExecution: "command",
  fileChange: "files",
  mcpToolCall: "tool",
  dynamicToolCall: "tool",
  collabAgentToolCall: "tool",
  functionCallOutput: "tool",
  webSearch: "tool",
  imageView: "tool",
  imageGeneration: "tool"
}

const itemLabel = (item: Json): string => {
  const type = String(item["type"] ?? "item")
  switch (type) {
    case "userMessage":
      return inputText(item["content"])
    case "agentMessage":
    case "plan":
      return brief(text(item["text"]) ?? type)
    case "reasoning": {
      const parts = [item["summary"], item["content"]].flatMap((part) => Array.isArray(part) ? part : [])
      return brief(parts.map(String).join(" ")) || "reasoning"
    }
    case "commandExecution":
      return brief(text(item["command"]) ?? type)
    case "fileChange": {
      const changes = Array.isArray(item["changes"]) ? item["changes"].map(object) : []
      return changes.map(({ path }) => String(path).split("/").at(-1)).join(", ") || type
    }
    case "mcpToolCall":
      return `${String(item["server"])}.${String(item["tool"])}`
    case "dynamicToolCall":
      return [item["namespace"], item["tool"]].filter((name) => typeof name === "string").join(".")
    case "collabAgentToolCall":
      return String(item["tool"])
    case "webSearch":
      return `search: ${brief(text(item["query"]) ?? "")}`
    default:
      return type
  }
}

/** How an item, a turn or anything else with a `status` went. */
const statusOf = (status: unknown): Status => {
  switch (status) {
    case "failed":
    case "errored":
    case "denied":
      return "failed"
    case "interrupted":
    case "declined":
    case "cancelled":
      return "stopped"
    case "inProgress":
      return "open"
    default:
      return "ok"
  }
}

/** What a request of the server was answered with, in a word. */
const decisionOf = (answer: Json): { readonly status: Status; readonly detail: string } => {
  if (answer["error"] !== undefined) {
    return { status: "failed", detail: text(object(answer["error"])["message"]) ?? "error" }
  }
  const { action, decision, success } = object(answer["result"])
  const word = text(decision) ?? text(action) ?? Object.keys(object(decision))[0]
  if (word !== undefined) {
    return { status: /declin|den|cancel|abort|reject/i.test(word) ? "stopped" : "ok", detail: word }
  }
  return success === false ? { status: "failed", detail: "no success" } : { status: "ok", detail: "answered" }
}

const questionLabel = (method: string, params: Json): string => {
  switch (method) {
    case "item/commandExecution/requestApproval":
      return `run ${brief(text(params["command"]) ?? "a command")}?`
    case "item/fileChange/requestApproval":
      return "change files?"
    case "item/permissions/requestApproval":
      return "more permissions?"
    case "item/tool/call":
      return `call ${String(params["tool"])}`
    case "item/tool/requestUserInput":
      return "ask the user"
    default:
      return method
  }
}

/** The only lane that is no thread. */
const outside = 0

class Builder {
  readonly lanes: Array<Lane> = [{ id: "", title: "app-server", subtitle: "", rows: 0, tokens: [] }]
  readonly spans: Array<Span> = []
  readonly marks: Array<Mark> = []
  readonly events: Timeline["events"] = { at: [], lane: [], span: [], direction: [], method: [], delta: [], text: [] }

  private readonly laneIds = new Map<string, number>()
  /** Spans that are open, or may be told more of, by what names them. */
  private readonly named = new Map<string, number>()
  private readonly requests = new Map<string, { readonly span: number; readonly method: string }>()
  /** By lane, the request that the next turn may come of. */
  private readonly starts = new Map<number, number>()
  /** What has begun within each turn, by the turn's span. */
  private readonly parts = new Map<number, Array<number>>()
  /** By lane, the last error that was told. */
  private readonly lastErrors = new Map<number, Mark>()
  private readonly openedThreads: ReadonlyMap<number, string>
  /** How the texts of items begin that have not been completed. */
  private readonly beginnings = new Map<number, string>()

  constructor(entries: Recording.Recording["entries"]) {
    this.openedThreads = Recording.openedThreads(entries)
    for (const entry of entries) this.add(entry)
    for (const [span, text] of this.beginnings) this.spans[span]!.label = brief(text)
    pack(this.lanes, this.spans)
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
      const asked = this.requests.get(`${connection} server ${String(id)}`)
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
    const turn = this.named.get(`${connection} turn ${String(params["turnId"] ?? params["expectedTurnId"])}`)
    const said = params["input"] === undefined ? "" : ` ${inputText(params["input"])}`
    const span = this.open({ kind: "request", lane, start: at, label: `${method}${said}`, turn })
    this.requests.set(`${connection} client ${String(id)}`, { span, method })
    this.named.set(`${connection} request ${String(id)}`, span)
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
      this.requests.set(`${connection} server ${String(id)}`, { span, method })
      this.named.set(`${connection} question ${String(id)}`, span)
      this.event({ at }, "received", body, { lane, span, method })
      return
    }

    const item = object(params["item"])
    const itemId = text(params["itemId"]) ?? text(item["id"])
    const span = itemId === undefined ? turn : this.item(at, connection, lane, turn, itemId, method, item)
    const delta = typeof params["delta"] === "string" || typeof params["deltaBase64"] === "string"
    if (delta && itemId !== undefined && span !== undefined) {
      const beginning = this.beginnings.get(span) ?? ""
      if (beginning.length < 200) this.beginnings.set(span, beginning + String(params["delta"] ?? ""))
    }
    const event = this.event({ at }, "received", body, { lane, span, method, delta })
    this.understand(at, connection, lane, turn, method, params, event)
  }

  /** What a notification says beyond its item. */
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
            detail: String(ended["status"] ?? "completed")
          })
          for (const index of this.parts.get(turn) ?? []) {
            const span = this.spans[index]!
            if (span.end === undefined && span.kind !== "request") {
              Object.assign(span, { end: at, status: "stopped", detail: "ended with its turn" })
            }
          }
        }
        // Most often it was told before.
        const since = turn === undefined ? 0 : this.spans[turn]!.start
        const told = this.lastErrors.get(lane)
        const isTold = told !== undefined && told.at >= since && told.label === brief(error ?? "")
        if (error !== undefined && !isTold) mark("error", error)
        return
      }
      case "thread/tokenUsage/updated": {
        const usage = object(params["tokenUsage"])
        const total = number(object(usage["total"])["totalTokens"]) ?? 0
        if (total > 0) place.tokens.push({ at, total, event })
        return
      }
      case "serverRequest/resolved": {
        const asked = this.requests.get(`${connection} server ${String(params["requestId"])}`)
        const span = asked === undefined ? undefined : this.spans[asked.span]
        if (span !== undefined && span.end === undefined) {
          Object.assign(span, { end: at, status: "stopped", detail: "taken back" })
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
    const asked = this.requests.get(`${connection} client ${String(message["id"])}`)
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

  /** The span of a turn, which begins with the first that is said of it. */
  private turn(at: number, connection: number, lane: number, id: string): number {
    const name = `${connection} turn ${id}`
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
    const name = `${connection} item ${this.lanes[lane]!.id} ${id}`
    const type = text(item["type"])
    let index = this.named.get(name)
    if (index === undefined) {
      index = this.open({ kind: itemKinds[type ?? ""] ?? "other", lane, start: at, label: type ?? method, turn })
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

/** Gives each span a row: turns above, requests of the client below, and no two of one row at the same time. */
const pack = (lanes: ReadonlyArray<Lane>, spans: ReadonlyArray<Span>): void => {
  const groups: ReadonlyArray<(kind: Kind) => boolean> = [
    (kind) => kind === "turn",
    (kind) => kind !== "turn" && kind !== "request",
    (kind) => kind === "request"
  ]
  const byTime = spans.toSorted((a, b) => a.start - b.start)
  const rows = lanes.map(() => groups.map((): Array<number> => []))
  for (const span of byTime) {
    const group = groups.findIndex((belongs) => belongs(span.kind))
    const ends = rows[span.lane]![group]!
    const free = ends.findIndex((end) => end <= span.start)
    span.row = free === -1 ? ends.length : free
    ends[span.row] = span.end ?? Infinity
  }
  lanes.forEach((lane, index) => {
    lane.rows = rows[index]!.reduce((sum, ends) => sum + ends.length, 0)
  })
  for (const span of spans) {
    const group = groups.findIndex((belongs) => belongs(span.kind))
    for (const ends of rows[span.lane]!.slice(0, group)) span.row += ends.length
  }
}

/** The timeline of a recording. `title` is what the page is called. */
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
