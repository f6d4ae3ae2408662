/**
 * One recorded connection as a script: what the server said, and what had been asked before.
 *
 * The entries are sorted into lanes: a lane for each thread, one for each other thing that has a name (a process, a
 * login), one for each request that has none. Within a lane the recorded order is kept; lanes are independent of each
 * other, for threads are.
 */
import * as Recording from "../Recording.ts"

type Entry = Recording.Recording["entries"][number]

/** Something that the client said. */
export interface Ask {
  readonly _tag: "Ask"
  readonly at: number
  readonly line: number
  /** The name of the lane in which it was recorded. */
  readonly home: string
  /** `request`: has an answer; `answer`: to a request of the server; `notification`: has none. */
  readonly kind: "request" | "answer" | "notification"
  /** The method; of an answer, that of the request. */
  readonly method: string
  readonly message: Recording.Message
  /** Set when the client has said it now: the id it gave to it. */
  asked: { readonly id: unknown } | undefined
}

/** Something that the server said. */
export interface Say {
  readonly _tag: "Say"
  readonly at: number
  readonly line: number
  readonly home: string
  readonly text: string
  readonly message: Recording.Message | undefined
  /** The request that is answered. */
  readonly answers: Ask | undefined
  /** How many of the script's asks must have been asked before: all that were recorded earlier; 0 if its lane tells. */
  readonly after: number
}

export interface Lane {
  /** The id of a thread, or another name. */
  readonly name: string
  steps: Array<Ask | Say>
  /** The step that is next. */
  cursor: number
}

export interface Script {
  readonly lanes: ReadonlyMap<string, Lane>
  readonly asks: ReadonlyArray<Ask>
  /** How the connection ended, if that was recorded. */
  readonly ending: Extract<Entry, { readonly _tag: "Ended" }> | undefined
}

/** An ask in words. */
export const describe = (ask: Ask): string => ask.kind === "answer" ? `the answer to ${ask.method}` : ask.method

/** Names that requests without a thread and notifications about them have in common. */
const subjects = ["processId", "processHandle", "loginId", "sessionId", "watchId", "streamId", "importId"]

/** What a message is about: the id of a thread, or another name; undefined if nothing in it tells. */
export const subjectOf = (params: unknown): string | undefined => {
  if (!Recording.isMessage(params)) return undefined
  const { conversationId, thread, threadId } = params
  if (typeof threadId === "string") return threadId
  if (Recording.isMessage(thread) && typeof thread["id"] === "string") return thread["id"]
  if (typeof conversationId === "string") return conversationId
  const field = subjects.find((field) => typeof params[field] === "string")
  return field === undefined ? undefined : `${field} ${String(params[field])}`
}

/** The thread that an agent of another thread has started. */
const parentOf = (params: unknown): string | undefined => {
  const thread = Recording.isMessage(params) ? params["thread"] : undefined
  const parent = Recording.isMessage(thread) ? thread["parentThreadId"] : undefined
  return typeof parent === "string" ? parent : undefined
}

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
