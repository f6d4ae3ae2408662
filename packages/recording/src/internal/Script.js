/**
 * One recorded connection as a script: what the server said, and what had been asked before.
 *
 * The entries are sorted into lanes: a lane for each thread, one for each other thing that has a name (a process, a
 * login), one for each request that has none. Within a lane the recorded order is kept; lanes are independent of each
 * other, for threads are.
 */
import * as Recording from "../Recording.js"
/** An ask in words. */
export const describe = (ask) => ask.kind === "answer" ? `the answer to ${ask.method}` : ask.method
/** Names that requests without a thread and notifications about them have in common. */
const subjects = ["processId", "processHandle", "loginId", "sessionId", "watchId", "streamId", "importId"]
/** What a message is about: the id of a thread, or another name; undefined if nothing in it tells. */
export const subjectOf = (params) => {
  if (!Recording.isMessage(params)) {
    return undefined
  }
  const { conversationId, thread, threadId } = params
  if (typeof threadId === "string") {
    return threadId
  }
  if (Recording.isMessage(thread) && typeof thread["id"] === "string") {
    return thread["id"]
  }
  if (typeof conversationId === "string") {
    return conversationId
  }
  const field = subjects.find((field) => typeof params[field] === "string")
  return field === undefined ? undefined : `${field} ${String(params[field])}`
}
/** The thread that an agent of another thread has started. */
const parentOf = (params) => {
  const thread = Recording.isMessage(params) ? params["thread"] : undefined
  const parent = Recording.isMessage(thread) ? thread["parentThreadId"] : undefined
  return typeof parent === "string" ? parent : undefined
}
export const make = (entries) => {
  const lanes = new Map()
  const asks = []
  const openRequests = new Map()
  const serverRequests = new Map()
  const parents = new Map()
  const opened = Recording.openedThreads(entries)
  const laneOf = (name) => {
    const home = parents.get(name) ?? name
    const lane = lanes.get(home) ?? { name: home, steps: [], cursor: 0 }
    lanes.set(home, lane)
    return lane
  }
  let ending
  for (const entry of entries) {
    if (entry._tag === "Ended") {
      ending ??= entry
      continue
    }
    const { at, line } = entry
    if (entry._tag === "Garbage") {
      const home = `line ${line}`
      laneOf(home).steps.push({
        _tag: "Say",
        at,
        line,
        home,
        text: entry.text,
        message: undefined,
        answers: undefined,
        after: asks.length
      })
      continue
    }
    const { message } = entry
    const { id, method, params } = message
    if (entry._tag === "Sent") {
      const asker = method === undefined ? serverRequests.get(id) : undefined
      const lane = laneOf(asker?.home ?? subjectOf(params) ?? opened.get(line) ?? `line ${line}`)
      const ask = {
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
      if (ask.kind === "request") {
        openRequests.set(id, ask)
      }
      continue
    }
    const request = method === undefined ? openRequests.get(id) : undefined
    const parent = parentOf(params)
    const subject = subjectOf(params)
    if (parent !== undefined && subject !== undefined && !lanes.has(subject)) {
      parents.set(subject, laneOf(parent).name)
    }
    const lane = laneOf(request?.home ?? subject ?? `line ${line}`)
    const say = {
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
    if (request !== undefined) {
      openRequests.delete(id)
    }
    if (typeof method === "string" && id !== undefined) {
      serverRequests.set(id, { method, home: lane.name })
    }
  }
  return { lanes, asks, ending }
}
// # sourceMappingURL=Script.js.map
