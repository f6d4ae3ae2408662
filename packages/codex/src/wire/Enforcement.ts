/**
 * The enforcement of limits: it watches a turn and its sub-agents until the turn ends or reaches a limit.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Limit, Reached, TurnLimits } from "../model/turns/Limits.ts"
import type { OnMessage } from "./Activity.ts"
import type { Family } from "./Family.ts"
import type { RunningTurn } from "./RunningTurn.ts"

/** Succeeds with the limit that the turn has reached. Never ends if it reaches none: interrupt it at the turn's end. */
export const reached = (turn: RunningTurn, limits: TurnLimits, family: Family): Effect.Effect<Reached> =>
  Effect.clockWith((clock) => {
    const activity = new Activity(clock, turn.threadId)
    const unless = <A>(limit: Limit, wait: Effect.Effect<A>) => limits[limit] === Infinity ? Effect.never : wait
    return Effect.raceAllFirst([
      unless("duration", duration(activity, limits.duration)),
      unless("idle", idle(activity, limits.idle, () => family.isAsked(turn.threadId))),
      limits.tokens === Infinity && limits.steps === Infinity ? Effect.never : used(turn, limits, activity)
    ]).pipe(Effect.ensuring(Effect.sync(family.watchActivity(turn.threadId, activity.add))))
  })

/** Calls of tools, whose output the next model request of the turn takes. */
const tools: ReadonlySet<unknown> = new Set<Protocol.ThreadItem["type"]>([
  "collabAgentToolCall",
  "commandExecution",
  "dynamicToolCall",
  "fileChange",
  "imageView",
  "mcpToolCall"
])

/** The messages of the turn's thread and its sub-agents. */
class Activity {
  readonly startedAt: number
  /** The time of the last message. */
  last: number
  /** Runs at the next item, which shows that the turn continues. */
  onItem: (() => void) | undefined

  private readonly clock: Clock.Clock
  private readonly threadId: string
  /** Items that have started and not completed. */
  private openItems = 0
  /** True if tools were called since the last report of usage, and by the model request before that. */
  private callsTools = false
  private calledTools = false

  constructor(clock: Clock.Clock, threadId: string) {
    this.clock = clock
    this.threadId = threadId
    this.startedAt = this.now
    this.last = this.startedAt
  }

  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** True if the turn is certain to make another model request. */
  get goesOn(): boolean {
    return this.openItems > 0 || this.calledTools
  }

  readonly add: OnMessage = (threadId, method, params) => {
    this.last = this.now
    if (threadId === this.threadId) {
      switch (method) {
        case "item/started":
          this.openItems++
          if (Predicate.isObject(params["item"]) && tools.has(params["item"]["type"])) this.callsTools = true
          break
        case "item/completed":
          this.openItems--
          break
        case "thread/tokenUsage/updated":
          this.calledTools = this.callsTools
          this.callsTools = false
      }
    }
    if (method.startsWith("item/")) this.onItem?.()
  }
}

const duration = (activity: Activity, allowed: number): Effect.Effect<Reached> =>
  Effect.map(Effect.sleep(allowed), () => ({ limit: "duration", allowed, used: activity.now - activity.startedAt }))

/** Waits until no message has arrived for the given time. The time that handlers take does not count. */
const idle = (activity: Activity, allowed: number, isAsked: () => boolean): Effect.Effect<Reached> =>
  Effect.suspend(() => {
    const used = activity.now - activity.last
    const left = isAsked() ? allowed : allowed - used
    return left <= 0
      ? Effect.succeed<Reached>({ limit: "idle", allowed, used })
      : Effect.andThen(Effect.sleep(left), idle(activity, allowed, isAsked))
  })

/**
 * Waits until a limit of usage is reached and the turn continues. The server reports the usage of a turn's last model request just
 * before the turn completes, and a turn that completes has succeeded.
 */
const used = (turn: RunningTurn, limits: TurnLimits, activity: Activity): Effect.Effect<Reached> =>
  Effect.callback((resume) => {
    const check = () => {
      const { used } = turn
      const limit = used.tokens >= limits.tokens ? "tokens" : used.steps >= limits.steps ? "steps" : undefined
      if (limit === undefined) return
      const end = () => resume(Effect.succeed({ limit, allowed: limits[limit], used: turn.used[limit] }))
      if (activity.goesOn) end()
      else activity.onItem = end
    }
    turn.watchUsage(check)
    check()
  })
