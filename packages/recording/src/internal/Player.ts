/**
 * Plays one recorded connection: takes what the client says, in any order that its threads allow, and says what the
 * server had said then.
 */
import { performance } from "node:perf_hooks"
import * as Recording from "../Recording.ts"
import { type Difference, differences } from "./difference.ts"
import type { Masker } from "./Masker.ts"
import { type Ask, describe, type Lane, type Say, type Script, subjectOf } from "./Script.ts"

/** What the client said is not what was recorded, or what was recorded is not said. */
export interface Problem {
  readonly detail: string
  readonly line?: number
  readonly differences?: ReadonlyArray<Difference>
}

export interface Options {
  readonly masker: Masker
  readonly ignore: { readonly [method: string]: ReadonlyArray<string> }
  /** The server says something. */
  readonly say: (text: string) => void
  /**
   * Delays a step that is `millis` recorded milliseconds after the one before it, and then calls `proceed`; false if it
   * needs no delay.
   */
  readonly delay: (millis: number, proceed: () => void) => boolean
  /** All was said. */
  readonly finished: () => void
}

/** What differs from run to run, and means nothing. */
const alwaysIgnored: { readonly [method: string]: ReadonlyArray<string> } = {
  initialize: ["clientInfo.version"],
  "currentTime/read": ["currentTimeAt"]
}

export class Player {
  private readonly script: Script
  private readonly options: Options
  /** All asks before this one were asked. */
  private asked = 0
  /** Requests of the server that were said, and have no answer yet, by their id. */
  private readonly questions = new Map<unknown, { readonly lane: Lane; readonly method: string }>()
  /** Requests of the client that wait for their answer. */
  private readonly waiting = new Set<Ask>()
  /** Turns that have begun, and not ended. */
  private readonly turns = new Set<string>()
  /** Lanes that pause. */
  private readonly delayed = new Set<Lane>()
  /** When something was said last, by either side. */
  private heard = performance.now()

  constructor(script: Script, options: Options) {
    this.script = script
    this.options = options
  }

  start(): void {
    this.advanceAll()
  }

  /** Takes what the client says, and what is wrong with it otherwise. */
  accept(text: string): Problem | undefined {
    const message = this.options.masker.message(JSON.parse(text) as Recording.Message)
    const problem = typeof message["method"] === "string"
      ? this.acceptRequest(message["method"], message)
      : this.acceptAnswer(message)
    this.heard = performance.now()
    if (problem === undefined) this.advanceAll()
    return problem
  }

  /**
   * Why the client, which waits, will wait for ever: the server says nothing before it is asked something else. Undefined
   * if it does not wait, or has been silent for no longer than the recorded program and `patience`, in milliseconds.
   */
  stall(patience: number): Problem | undefined {
    if (this.waiting.size === 0 && this.turns.size === 0) return undefined
    if (this.delayed.size > 0 || this.questions.size > 0) return undefined
    const heads = Array.from(this.script.lanes.values()).flatMap((lane) => this.blockOf(lane) ?? [])
    const silence = performance.now() - this.heard
    if (silence < Math.max(patience, ...heads.map(({ pause }) => patience + pause))) return undefined
    const [open] = [...Array.from(this.waiting, ({ method }) => `the answer to ${method}`), "the end of a turn"]
    if (heads.length === 0) {
      return {
        detail: `the recording ends here, and the program waits for ${open}: the recorded program was gone by then`
      }
    }
    const expected = heads.map(({ ask }) => `${describe(ask)} (line ${ask.line})`).join(", or ")
    return {
      detail: `the program waits for ${open}, which the server gave only after it had been asked: ${expected}`,
      line: heads[0]!.ask.line
    }
  }

  /** The ask at which a lane stops, and how long the recorded program had let pass before it. */
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
      // What names no subject is answered by who was asked without one.
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
      return { detail: `${method} was asked, and the recording has no ${known ? "more" : "such"} request${whose}` }
    }
    const { ask } = closest
    return {
      detail: ask.method === method
        ? `${describe(ask)} was asked with other parameters`
        : `${method} was asked, where the recording has ${describe(ask)}`,
      line: ask.line,
      differences: ask.method === method ? this.differs(closest.lane, ask, message) : []
    }
  }

  private acceptAnswer(message: Recording.Message): Problem | undefined {
    const id = message["id"]
    const question = this.questions.get(id)
    if (question === undefined) {
      return { detail: `request ${String(id)} was answered, which was never asked` }
    }
    const ask = question.lane.steps.find((step): step is Ask =>
      step._tag === "Ask" && step.kind === "answer" && step.message["id"] === id && step.asked === undefined
    )
    // The recorded program was too late with its answer, or the server took the request back.
    if (ask === undefined) {
      this.questions.delete(id)
      return undefined
    }
    const found = this.differs(question.lane, ask, message)
    if (found.length > 0) {
      return { detail: `${ask.method} was answered differently`, line: ask.line, differences: found }
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
    const recorded = JSON.parse(rename(JSON.stringify(ask.message), ask.home, lane.name)) as Recording.Message
    const ignore = [
      ...alwaysIgnored[ask.method] ?? [],
      ...this.options.ignore[ask.method] ?? [],
      ...this.options.ignore["*"] ?? []
    ]
    const found = ask.kind === "answer"
      ? [
        ...differences(recorded["result"], message["result"], ignore),
        ...differences(recorded["error"], message["error"])
      ]
      : differences(recorded["params"] ?? {}, message["params"] ?? {}, ignore)
    // A later version of the SDK may say more in the handshake.
    return ask.method === "initialize" ? found.filter((difference) => difference.recorded !== undefined) : found
  }

  /**
   * A lane that was the same up to here, and goes on as this message does. Threads that were started alike are told apart
   * only by what they are asked, and which of them comes first is chance.
   */
  private twinOf(lane: Lane, message: Recording.Message): Lane | undefined {
    const past = pastRequests(lane)
    for (const other of this.script.lanes.values()) {
      if (other === lane) continue
      const next = requests(other)[past.length]
      if (next === undefined || next.asked !== undefined || this.differs(lane, next, message).length > 0) continue
      const alike = requests(other).slice(0, past.length).every((ask, index) =>
        this.differs(lane, ask, renamed(past[index]!, lane.name)).length === 0
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

  /** Says what can be said in a lane. */
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

/** The requests and notifications of a lane: what has an order. */
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

/** A text of one lane as it is said in another. */
const rename = (text: string, from: string, to: string): string => from === to ? text : text.replaceAll(from, to)

const renamed = (ask: Ask, to: string): Recording.Message =>
  JSON.parse(rename(JSON.stringify(ask.message), ask.home, to)) as Recording.Message

/** Exchanges what follows in two lanes, from their next requests on. */
const exchange = (a: Lane, b: Lane): void => {
  const count = pastRequests(a).length
  const cut = (lane: Lane) => lane.steps.indexOf(requests(lane)[count]!)
  const [cutA, cutB] = [cut(a), cut(b)]
  const [tailA, tailB] = [cutA === -1 ? [] : a.steps.slice(cutA), b.steps.slice(cutB)]
  a.steps = [...cutA === -1 ? a.steps : a.steps.slice(0, cutA), ...tailB]
  b.steps = [...b.steps.slice(0, cutB), ...tailA]
}
