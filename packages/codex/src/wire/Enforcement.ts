/**
 * The enforcement of limits: it watches a turn and its sub-agents until the turn ends or reaches a limit.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { Limit, TurnLimits } from "../model/turns/Limits.ts"
import type { Family, OnMessage } from "./Family.ts"
import type { RunningTurn } from "./RunningTurn.ts"

/** Succeeds with the limit that the turn has reached. Never ends if it reaches none: interrupt it at the turn's end. */
export const reached = (turn: RunningTurn, limits: TurnLimits, family: Family): Effect.Effect<Limit> =>
  Effect.clockWith((clock) => {
    const activity = new Activity(clock, turn.threadId)
    return Effect.raceAllFirst([
      limits.duration === Infinity ? Effect.never : Effect.as(Effect.sleep(limits.duration), "duration" as const),
      limits.idle === Infinity ? Effect.never : idle(activity, limits.idle, () => family.isAsked(turn.threadId)),
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
  /** The time of the last message. */
  last: number
  /** Runs at the next item, which shows that the turn continues. */
  onItem: (() => void) | undefined

  private readonly clock: Clock.Clock
  private readonly threadId: string
  /** Items that have started and not completed. */
  private openItems = 0
  /** Whether tools were called since the last report of usage, and by the model request before that. */
  private callsTools = false
  private calledTools = false

  constructor(clock: Clock.Clock, threadId: string) {
    this.clock = clock
    this.threadId = threadId
    this.last = this.now
  }

  get now(): number {
    return this.clock.currentTimeMillisUnsafe()
  }

  /** Whether the turn is certain to make another model request. */
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

/** Waits until no message has arrived for the given time. The time that handlers take does not count. */
const idle = (activity: Activity, limit: number, isAsked: () => boolean): Effect.Effect<"idle"> =>
  Effect.suspend(() => {
    const left = isAsked() ? limit : activity.last + limit - activity.now
    return left <= 0
      ? Effect.succeed("idle" as const)
      : Effect.andThen(Effect.sleep(left), idle(activity, limit, isAsked))
  })

/**
 * Waits until a limit of usage is reached and the turn continues. The server reports the usage of a turn's last model request just
 * before the turn completes, and a turn that completes has succeeded.
 */
const used = (turn: RunningTurn, limits: TurnLimits, activity: Activity): Effect.Effect<"tokens" | "steps"> =>
  Effect.callback((resume) => {
    const check = () => {
      const { steps, tokens } = turn.used
      const limit = tokens >= limits.tokens ? "tokens" : steps >= limits.steps ? "steps" : undefined
      if (limit === undefined) return
      const end = () => resume(Effect.succeed(limit))
      if (activity.goesOn) end()
      else activity.onItem = end
    }
    turn.watchUsage(check)
    check()
  })
