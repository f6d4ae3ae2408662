/**
 * A player of one recorded connection: accepts the messages of the client, in any order that its threads allow, and sends
 * the messages that the server sent in response.
 */
import { performance } from "node:perf_hooks"
import * as Recording from "../format/Recording.ts"
import type { Masker } from "../masking/Masker.ts"
import { type Difference, differences } from "./difference.ts"
import { type Ask, describe, type Lane, type Say, type Script, subjectOf } from "./Script.ts"

/** A departure of the program from the recording. */
export interface Problem {
  readonly detail: string
  readonly line?: number
  readonly differences?: ReadonlyArray<Difference>
}

export interface Options {
  readonly masker: Masker
  readonly ignore: { readonly [method: string]: ReadonlyArray<string> }
  /** Sends a message of the server. */
  readonly say: (text: string) => void
  /**
   * Delays a step that was recorded `millis` milliseconds after the step before it, and then calls `proceed`. Returns
   * false if the step needs no delay.
   */
  readonly delay: (millis: number, proceed: () => void) => boolean
  /** Called when the whole script has been played. */
  readonly finished: () => void
}

/** Paths that differ from run to run without a meaning. */
const alwaysIgnored: ReadonlyMap<string, ReadonlyArray<string>> = new Map([
  ["initialize", ["clientInfo.version"]],
  ["currentTime/read", ["currentTimeAt"]]
])

export class Player {
  private readonly script: Script
  private readonly options: Options
  /** The index of the first ask that the program has not sent. */
  private asked = 0
  /** Requests of the server without a response, by id. */
  private readonly questions = new Map<unknown, { readonly lane: Lane; readonly method: string }>()
  /** Requests of the client without a response. */
  private readonly waiting = new Set<Ask>()
  /** Turns that have started and not ended. */
  private readonly turns = new Set<string>()
  /** Lanes that wait for a delay. */
  private readonly delayed = new Set<Lane>()
  /** Recorded messages of the client, masked, as JSON. */
  private readonly masked = new Map<Ask, string>()
  /** Time of the last message of either side. */
  private heard = performance.now()

  constructor(script: Script, options: Options) {
    this.script = script
    this.options = options
  }

  start(): void {
    this.advanceAll()
  }

  /** Accepts a message of the client. Returns a problem if the recording does not have it. */
  accept(text: string): Problem | undefined {
    const message = this.options.masker.message(Recording.parseMessage(text) ?? {})
    const problem = typeof message["method"] === "string"
      ? this.acceptRequest(message["method"], message)
      : this.acceptAnswer(message)
    this.heard = performance.now()
    if (problem === undefined) this.advanceAll()
    return problem
  }

  /**
   * Returns a problem if the client would wait for ever, because the server says nothing before a further request. It
   * returns undefined while the client does not wait, or has been silent for no longer than the recorded program was, plus
   * `patience` in milliseconds.
   */
  stall(patience: number): Problem | undefined {
    if (this.waiting.size === 0 && this.turns.size === 0) return undefined
    if (this.delayed.size > 0 || this.questions.size > 0) return undefined
    const heads = Array.from(this.script.lanes.values()).flatMap((lane) => this.blockOf(lane) ?? [])
    const silence = performance.now() - this.heard
    if (silence < Math.max(patience, ...heads.map(({ pause }) => patience + pause))) return undefined
    const [open] = [...Array.from(this.waiting, ({ method }) => `the response to ${method}`), "the end of a turn"]
    if (heads.length === 0) {
      return {
        detail: `the recording ends here, and the program waits for ${open}; the recorded program had ended by then`
      }
    }
    const expected = heads.map(({ ask }) => `${describe(ask)} (line ${ask.line})`).join(", or ")
    return {
      detail: `the program waits for ${open}, which the server sent only after ${expected}`,
      line: heads[0]!.ask.line
    }
  }

  /** The ask that a lane waits for, and the time that the recorded program took before it. */
  private blockOf(lane: Lane): { readonly ask: Ask; readonly pause: number } | undefined {
    const step = lane.steps[lane.cursor]
    if (step?._tag !== "Ask") return undefined
    return { ask: step, pause: step.at - (lane.steps[lane.cursor - 1]?.at ?? step.at) }
  }

  private acceptRequest(method: string, message: Recording.Message): Problem | undefined {
    const subject = subjectOf(message["params"])
    const candidates = subject === undefined
      ? Array.from(this.script.lanes.values())
      : [this.script.lanes.get(subject)].filter((lane) => lane !== undefined)
    const asks = candidates.flatMap((lane) => {
      const ask = nextRequest(lane)
      // A request without a subject matches only requests that were recorded without one.
      return ask === undefined || (subject === undefined && subjectOf(ask.message["params"]) !== undefined)
        ? []
        : [{ lane, ask }]
    })
    for (const { ask, lane } of asks) {
      if (this.differs(lane, ask, message).length === 0) return this.take(ask, message)
    }
    const [lane] = candidates
    if (subject !== undefined && lane !== undefined) {
      const twin = this.twinOf(lane, message)
      if (twin !== undefined) {
        exchange(lane, twin)
        return this.take(nextRequest(lane)!, message)
      }
    }
    const closest = asks.find(({ ask }) => ask.method === method) ?? (subject === undefined ? undefined : asks[0])
    if (closest === undefined) {
      const known = this.script.asks.some((ask) => ask.method === method)
      const whose = subject === undefined ? "" : ` of ${subject}`
      return {
        detail: `the program sent ${method}, and the recording has no ${known ? "further" : "such"} request${whose}`
      }
    }
    const { ask } = closest
    return {
      detail: ask.method === method
        ? `the program sent ${describe(ask)} with other parameters`
        : `the program sent ${method}, where the recording has ${describe(ask)}`,
      line: ask.line,
      differences: ask.method === method ? this.differs(closest.lane, ask, message) : []
    }
  }

  private acceptAnswer(message: Recording.Message): Problem | undefined {
    const id = message["id"]
    const question = this.questions.get(id)
    if (question === undefined) {
      return { detail: `the program responded to request ${JSON.stringify(id)}, which the server never sent` }
    }
    const ask = question.lane.steps.find((step): step is Ask =>
      step._tag === "Ask" && step.kind === "answer" && step.message["id"] === id && step.asked === undefined
    )
    // The recorded program never responded, because the server withdrew the request or the connection ended.
    if (ask === undefined) {
      this.questions.delete(id)
      return undefined
    }
    const found = this.differs(question.lane, ask, message)
    if (found.length > 0) {
      return { detail: `the program responded to ${ask.method} differently`, line: ask.line, differences: found }
    }
    this.questions.delete(id)
    return this.take(ask, message)
  }

  private take(ask: Ask, message: Recording.Message): undefined {
    ask.asked = { id: message["id"] }
    if (ask.kind === "request") this.waiting.add(ask)
    while (this.script.asks[this.asked]?.asked !== undefined) this.asked++
  }

  private differs(lane: Lane, ask: Ask, message: Recording.Message): ReadonlyArray<Difference> {
    if (ask.kind !== "answer" && ask.method !== message["method"]) {
      return [{ path: "method", recorded: ask.method, asked: message["method"] }]
    }
    const recorded = this.recorded(ask, lane.name)
    const { ignore: ignored } = this.options
    const ignore = [
      ...alwaysIgnored.get(ask.method) ?? [],
      ...Object.hasOwn(ignored, ask.method) ? ignored[ask.method] ?? [] : [],
      ...ignored["*"] ?? []
    ]
    const found = ask.kind === "answer"
      ? [
        ...differences(recorded["result"], message["result"], ignore),
        ...differences(recorded["error"], message["error"])
      ]
      : differences(recorded["params"] ?? {}, message["params"] ?? {}, ignore)
    // A later version of the SDK may send more in the handshake.
    return ask.method === "initialize" ? found.filter((difference) => difference.recorded !== undefined) : found
  }

  /** Returns a recorded message as it appears in a lane. It is masked again: an earlier recorder may have masked less. */
  private recorded(ask: Ask, lane: string): Recording.Message {
    const masked = this.masked.get(ask) ?? JSON.stringify(this.options.masker.message(ask.message))
    this.masked.set(ask, masked)
    return JSON.parse(rename(masked, ask.home, lane)) as Recording.Message
  }

  /**
   * Returns a lane with the same past that continues with this message. Threads that started alike differ only in their
   * later requests, and their order is left to chance.
   */
  private twinOf(lane: Lane, message: Recording.Message): Lane | undefined {
    const past = pastRequests(lane)
    for (const other of this.script.lanes.values()) {
      if (other === lane) continue
      const next = requests(other)[past.length]
      if (next === undefined || next.asked !== undefined || this.differs(lane, next, message).length > 0) continue
      const alike = requests(other).slice(0, past.length).every((ask, index) =>
        this.differs(lane, ask, this.recorded(past[index]!, lane.name)).length === 0
      )
      if (alike) return other
    }
    return undefined
  }

  private advanceAll(): void {
    let unfinished = 0
    for (const lane of this.script.lanes.values()) {
      this.advance(lane)
      if (lane.cursor < lane.steps.length) unfinished++
    }
    if (unfinished === 0) this.options.finished()
  }

  /** Sends the messages of a lane that are due. */
  private advance(lane: Lane): void {
    if (this.delayed.has(lane)) return
    for (let step = lane.steps[lane.cursor]; step !== undefined; step = lane.steps[lane.cursor]) {
      if (step._tag === "Ask") {
        if (step.asked === undefined) return
      } else {
        if (step.after > this.asked) return
        const before = lane.steps[lane.cursor - 1]
        const current = step
        const proceed = () => {
          this.delayed.delete(lane)
          this.say(lane, current)
          lane.cursor++
          this.advanceAll()
        }
        if (before !== undefined && this.options.delay(step.at - before.at, proceed)) {
          this.delayed.add(lane)
          return
        }
        this.say(lane, step)
      }
      lane.cursor++
    }
  }

  private say(lane: Lane, { answers, home, message, text }: Say): void {
    this.heard = performance.now()
    if (message === undefined) return this.options.say(text)
    if (answers !== undefined) {
      this.waiting.delete(answers)
      return this.options.say(rename(JSON.stringify({ ...message, id: answers.asked?.id }), home, lane.name))
    }
    const { id, method, params } = message
    if (typeof method === "string" && id !== undefined) this.questions.set(id, { lane, method })
    this.options.masker.hear(message)
    if (method === "serverRequest/resolved" && Recording.isMessage(params)) this.questions.delete(params["requestId"])
    const turn = Recording.isMessage(params) && Recording.isMessage(params["turn"]) ? params["turn"]["id"] : undefined
    if (typeof turn === "string" && method === "turn/started") this.turns.add(turn)
    if (typeof turn === "string" && method === "turn/completed") this.turns.delete(turn)
    this.options.say(rename(text, home, lane.name))
  }
}

/** The requests and notifications of a lane, whose order matters. */
const requests = (lane: Lane): ReadonlyArray<Ask> =>
  lane.steps.filter((step): step is Ask => step._tag === "Ask" && step.kind !== "answer")

const nextRequest = (lane: Lane): Ask | undefined => {
  for (let index = lane.cursor; index < lane.steps.length; index++) {
    const step = lane.steps[index]!
    if (step._tag === "Ask" && step.kind !== "answer" && step.asked === undefined) return step
  }
  return undefined
}

const pastRequests = (lane: Lane): ReadonlyArray<Ask> => requests(lane).filter((ask) => ask.asked !== undefined)

/** Returns a text of one lane as it appears in another. */
const rename = (text: string, from: string, to: string): string => from === to ? text : text.replaceAll(from, to)

/** Exchanges the rest of two lanes, from their next requests on. */
const exchange = (a: Lane, b: Lane): void => {
  const count = pastRequests(a).length
  const cut = (lane: Lane) => lane.steps.indexOf(requests(lane)[count]!)
  const [cutA, cutB] = [cut(a), cut(b)]
  const [tailA, tailB] = [cutA === -1 ? [] : a.steps.slice(cutA), b.steps.slice(cutB)]
  a.steps = [...cutA === -1 ? a.steps : a.steps.slice(0, cutA), ...tailB]
  b.steps = [...b.steps.slice(0, cutB), ...tailA]
}
