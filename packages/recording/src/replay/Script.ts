/**
 * The script of one recorded connection: the messages of the server, each with the messages of the client that precede it.
 *
 * The entries are sorted into lanes: one for each thread, one for each other subject (such as a process or a login), and
 * one for each request without a subject. Order matters only within a lane, because threads are independent.
 */
import * as Recording from "../format/Recording.ts"

type Entry = Recording.Recording["entries"][number]

/** A message of the client. */
export interface Ask {
  readonly _tag: "Ask"
  readonly at: number
  readonly line: number
  /** The name of the lane that it was recorded in. */
  readonly home: string
  /** `request`: expects a response; `answer`: responds to a request of the server; `notification`: neither. */
  readonly kind: "request" | "answer" | "notification"
  /** The method; for an answer, that of the request. */
  readonly method: string
  readonly message: Recording.Message
  /** The id that the program chose, as soon as it has sent the message. */
  asked: { readonly id: unknown } | undefined
}

/** A message of the server. */
export interface Say {
  readonly _tag: "Say"
  readonly at: number
  readonly line: number
  readonly home: string
  readonly text: string
  readonly message: Recording.Message | undefined
  /** The request that the message responds to. */
  readonly answers: Ask | undefined
  /** The number of asks that must precede it: all that were recorded earlier, or 0 if the order in its lane is enough. */
  readonly after: number
}

export interface Lane {
  /** The id of a thread, or the name of another subject. */
  readonly name: string
  steps: Array<Ask | Say>
  /** The index of the next step. */
  cursor: number
}

export interface Script {
  readonly lanes: ReadonlyMap<string, Lane>
  readonly asks: ReadonlyArray<Ask>
  /** The end of the connection, if it was recorded. */
  readonly ending: Extract<Entry, { readonly _tag: "Ended" }> | undefined
}

/** Names a message of the client. */
export const describe = (ask: Ask): string => ask.kind === "answer" ? `the response to ${ask.method}` : ask.method

/** Fields that requests without a thread share with the notifications about them. */
const subjects = ["processId", "processHandle", "loginId", "sessionId", "watchId", "streamId", "importId"]

/** Returns the subject of a message: the id of a thread, or another name; undefined if it has none. */
export const subjectOf = (params: unknown): string | undefined => {
  if (!Recording.isMessage(params)) return undefined
  const { conversationId, thread, threadId } = params
  if (typeof threadId === "string") return threadId
  if (Recording.isMessage(thread) && typeof thread["id"] === "string") return thread["id"]
  if (typeof conversationId === "string") return conversationId
  for (const field of subjects) {
    const name = params[field]
    if (typeof name === "string") return `${field} ${name}`
  }
  return undefined
}

/** Returns the parent of a thread that an agent started. */
const parentOf = (params: unknown): string | undefined => {
  const thread = Recording.isMessage(params) ? params["thread"] : undefined
  const parent = Recording.isMessage(thread) ? thread["parentThreadId"] : undefined
  return typeof parent === "string" ? parent : undefined
}

/** Creates the script of one connection. */
export const make = (entries: ReadonlyArray<Entry>): Script => {
  const lanes = new Map<string, Lane>()
  const asks: Array<Ask> = []
  const openRequests = new Map<unknown, Ask>()
  const serverRequests = new Map<unknown, { readonly method: string; readonly home: string }>()
  const parents = new Map<string, string>()
  const opened = Recording.openedThreads(entries)

  const laneOf = (name: string): Lane => {
    const home = parents.get(name) ?? name
    const lane = lanes.get(home) ?? { name: home, steps: [], cursor: 0 }
    lanes.set(home, lane)
    return lane
  }

  let ending: Script["ending"]
  for (const entry of entries) {
    if (entry._tag === "Ended") {
      ending ??= entry
      continue
    }
    const { at, line } = entry
    if (entry._tag === "Garbage") {
      const home = `line ${line}`
      laneOf(home).steps.push(
        { _tag: "Say", at, line, home, text: entry.text, message: undefined, answers: undefined, after: asks.length }
      )
      continue
    }
    const { message } = entry
    const { id, method, params } = message
    if (entry._tag === "Sent") {
      const asker = method === undefined ? serverRequests.get(id) : undefined
      const lane = laneOf(asker?.home ?? subjectOf(params) ?? opened.get(line) ?? `line ${line}`)
      const ask: Ask = {
        _tag: "Ask",
        at,
        line,
        home: lane.name,
        kind: typeof method !== "string" ? "answer" : id === undefined ? "notification" : "request",
        method: typeof method === "string" ? method : asker?.method ?? "(unknown)",
        message,
        asked: undefined
      }
      asks.push(ask)
      lane.steps.push(ask)
      if (ask.kind === "request") openRequests.set(id, ask)
      continue
    }
    const request = method === undefined ? openRequests.get(id) : undefined
    const parent = parentOf(params)
    const subject = subjectOf(params)
    if (parent !== undefined && subject !== undefined && !lanes.has(subject)) {
      parents.set(subject, laneOf(parent).name)
    }
    const lane = laneOf(request?.home ?? subject ?? `line ${line}`)
    const say: Say = {
      _tag: "Say",
      at,
      line,
      home: lane.name,
      text: JSON.stringify(message),
      message,
      answers: request,
      after: request === undefined && lane.steps.length === 0 ? asks.length : 0
    }
    lane.steps.push(say)
    if (request !== undefined) openRequests.delete(id)
    if (typeof method === "string" && id !== undefined) serverRequests.set(id, { method, home: lane.name })
  }
  return { lanes, asks, ending }
}
