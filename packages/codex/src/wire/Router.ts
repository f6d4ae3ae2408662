/**
 * The router of incoming messages: it passes a response to its request, an event to its turn, its thread and the consumers of all
 * notifications, and a request of the server to its handler.
 *
 * The single reader of a connection passes it chunks of messages, and it only parses, looks up and pushes. It runs no Effect for a
 * message, and keeps no event that cannot be claimed.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Predicate from "effect/Predicate"
import type { Cursor } from "../base/Broadcast.ts"
import * as JsonRpc from "../base/JsonRpc.ts"
import { printable } from "../base/printable.ts"
import type { Hide } from "../base/secrets.ts"
import { textOf } from "../base/text.ts"
import type { CodexConnectionError, TurnStreamError } from "../model/CodexError.ts"
import type * as Notification from "../model/Notification.ts"
import type { Accept } from "../model/Transport.ts"
import { ExpectedTurn } from "./ExpectedTurn.ts"
import { Family } from "./Family.ts"
import { type Forgotten, type Pending, PendingRequests } from "./PendingRequests.ts"
import * as Place from "./Place.ts"
import { RunningTurn } from "./RunningTurn.ts"
import { RunningTurns } from "./RunningTurns.ts"
import { ServerErrors } from "./ServerErrors.ts"
import { type Notifications, Subscriptions } from "./Subscriptions.ts"
import * as Telemetry from "./Telemetry.ts"

export type { Answer, Forgotten, Pending } from "./PendingRequests.ts"

/** A request of the server. */
export interface Incoming {
  readonly id: JsonRpc.Id
  /** The id as the server wrote it. It tells requests apart, and is what the answer has. */
  readonly key: string
  readonly method: string
  readonly params: unknown
  readonly threadId: string | undefined
  readonly turnId: string | undefined
}

/** The part of the client that answers requests of the server. */
export interface Server {
  /** Accepts a request. Returns at once; the response is sent later. */
  readonly request: (request: Incoming) => void
  /** The request with this key needs no answer any more. */
  readonly resolved: (key: string) => void
  /** The turn has ended: its requests need no answer any more. */
  readonly turnEnded: (threadId: string | undefined, turnId: string) => void
  /** The connection is lost, and with it every request. */
  readonly lost: () => void
}

/** The events of a turn, from the point on at which its starter joined. */
export type TurnCursor = Cursor<Notification.Notification, TurnStreamError>

/**
 * A consumer of notifications that belong to no claimed turn. It runs in the reader, so a follower that is registered before a
 * request is written misses none of its notifications.
 */
export interface Follower {
  /** Takes one notification, and the id of its turn if it has one. */
  readonly offer: (raw: Notification.Raw, turnId: string | undefined) => void
  /** The connection is lost. */
  readonly fail: (error: CodexConnectionError) => void
  /** The turn whose events it takes, while one runs. */
  readonly running?: RunningTurn | null
}

/** Receives situations after which the server may send nothing more. Runs in the reader. */
export interface Watch {
  /** Turns of this thread run here, and a notification of that method says that none does. */
  readonly idle: (threadId: string, turns: ReadonlyArray<RunningTurn>, method: string) => void
  /** The turn has met an error, and the server tries again. */
  readonly retrying: (turn: RunningTurn, params: unknown) => void
  /** The turn has completed, but the answer that the agent has begun is not complete. */
  readonly unanswered: (turn: RunningTurn) => void
}

/** A turn as its starter holds it. */
export interface StartedTurn {
  /** The events of the turn, and its result. */
  readonly turn: RunningTurn
  /** A cursor before the first event. Null if events were not requested. */
  readonly cursor: TurnCursor | null
}

/**
 * Counters of a router, for metrics and tests. On an idle client, the numbers of held entries are zero, except for `threads`.
 *
 * @category models
 */
export interface Stats {
  /** The number of messages so far that were no JSON object, or could not be routed. */
  readonly badLines: number
  /** The number of responses so far without a waiting request. */
  readonly strayAnswers: number
  /** The number of requests that wait for their response. */
  readonly pending: number
  /** The number of starts of turns that timed out, at most 256. If the server still responds to one, its turn is stopped. */
  readonly late: number
  /** The number of running turns of this client. */
  readonly turns: number
  /** The number of followers of a thread or the account: starts in flight, goals, logins. */
  readonly followers: number
  /** The number of consumers of notifications. */
  readonly subscribers: number
  /** The number of known threads. A closed thread is removed. */
  readonly threads: number
  /** The number of running turns of sub-agents. */
  readonly subagents: number
  /** The number of turns that are kept for their sub-agents. */
  readonly roots: number
}

/**
 * The routing of one client. It outlives a lost connection if the client restarts its server.
 *
 * @category services
 */
export class Router extends Context.Service<Router, {
  /**
   * Takes messages, JSON texts, in the order in which they arrived. Returns an Effect only if some were bad: it counts and
   * logs them.
   */
  readonly accept: Accept
  /** Registers a request before it is written, and returns its id. */
  readonly expect: (pending: Pending) => number
  /** Removes a request whose caller has gone. */
  readonly forget: (id: number, forgotten?: Forgotten) => void
  /** Calls back when the server has shown that it has read a request, or is gone. */
  readonly whenRead: (id: number, read: () => void) => void
  /**
   * Marks a thread as expecting a turn, before the request that starts it is written: events of unknown turns of this
   * thread are kept until the turn is claimed, or the start is closed.
   */
  readonly expectTurn: (threadId: string) => ExpectedTurn
  /**
   * Follows the notifications of a thread that belong to no claimed turn, such as those of turns that start by themselves. Without
   * a thread, it follows those that belong to no thread. Returns a function that ends it.
   */
  readonly follow: (threadId: string | undefined, follower: Follower) => () => void
  /** The threads of the connection, and how they derive from each other. */
  readonly family: Family
  /** A turn that is claimed and runs. */
  readonly turn: (threadId: string, turnId: string) => RunningTurn | undefined
  /** Every notification from now on. */
  readonly notifications: Notifications
  /** Every notification from now on that belongs to no turn. */
  readonly globals: Notifications
  /** Every notification of one thread from now on. */
  readonly thread: (threadId: string) => Notifications
  /** Sets the part of the client that answers requests of the server. */
  readonly serve: (server: Server) => void
  /** Sets the part of the client that ends turns whose end the server does not report. */
  readonly watch: (watch: Watch) => void
  /** The running turns of a thread. */
  readonly turnsOf: (threadId: string) => ReadonlyArray<RunningTurn>
  /** Builds the errors that the server reports. */
  readonly errors: ServerErrors
  /** Starts routing for a new connection, also after a failure. `hide` removes its secrets from errors. */
  readonly open: (hide?: Hide) => void
  /** Fails everything that waits, after all messages that had arrived, because the connection is lost. */
  readonly fail: (error: CodexConnectionError) => void
  /** Returns the number of held entries, and the counters. */
  readonly stats: () => Stats
}>()("effect-codex/wire/Router") {}

/**
 * A Router that waits to be fed.
 *
 * @category constructors
 */
export const make: Effect.Effect<Router["Service"]> = Effect.sync(() => {
  const errors = new ServerErrors()
  const requests = new PendingRequests(errors)
  const subscriptions = new Subscriptions()
  const turns = new RunningTurns()
  const family = new Family()
  const followers = new Map<string | undefined, Set<Follower>>()
  let failure: CodexConnectionError | undefined
  let server: Server | undefined
  let watch: Watch | undefined
  /** Threads of which the chunk said that no turn runs: its completion mostly comes right after. */
  const idle = new Map<string, string>()
  /** Turns that completed without an answer: it mostly comes in the same chunk. */
  const held: Array<RunningTurn> = []
  let badLines = 0
  /** So many bad lines are worth the next warning: each tells of twice as many. */
  let nextWarning = 1
  let strayAnswers = 0

  const createTurn = (threadId: string, turnId: string): RunningTurn => {
    const turn = new RunningTurn(threadId, turnId, errors, family.turns)
    turns.add(turn)
    turn.onHeld = () => held.push(turn)
    turn.whenEnded(() => {
      server?.turnEnded(threadId, turnId)
      // Also of a turn that ended without a completion.
      family.turns.endRoot(turnId)
    })
    return turn
  }

  const turnsOf = (threadId: string): ReadonlyArray<RunningTurn> => [
    ...turns.of(threadId),
    ...Array.from(followers.get(threadId) ?? [], ({ running }) => running ?? []).flat()
  ]

  /** Looks into what the chunk has left open. */
  const afterChunk = (): void => {
    for (const [threadId, method] of idle) {
      const running = turnsOf(threadId)
      if (running.length > 0) watch?.idle(threadId, running, method)
    }
    idle.clear()
    for (const turn of held.splice(0)) {
      if (turn.isSpeaking && watch !== undefined) watch.unanswered(turn)
      else turn.settle()
    }
  }

  const onNotification = (raw: Notification.Raw, text: string): void => {
    const method = raw["method"]
    const params = raw["params"]
    let threadId: string | undefined
    let turnId: string | undefined
    if (Predicate.isObject(params)) {
      const route = Place.notification(method)
      threadId = Place.threadOf(route, params)
      turnId = Place.turnOf(route, params)
    }
    // First, because consumers of the message may look at the family.
    if (Predicate.isObject(params)) family.observe(method, params, threadId, turnId)
    let event: Notification.Notification | undefined
    const turn = turns.get(threadId, turnId)
    if (turn !== undefined) {
      event = turn.offer(raw)
      if (method === "error") onError([turn], params)
    } else onUnclaimed(raw, text, method, params, threadId, turnId)
    // Last: until now the result of the turn was read.
    if (turnId !== undefined && method === "turn/completed") family.turns.endRoot(turnId)
    if (subscriptions.count > 0) subscriptions.publish(raw, event, threadId, turnId)
  }

  /** Handles a notification that belongs to no claimed turn. */
  const onUnclaimed = (
    raw: Notification.Raw,
    text: string,
    method: unknown,
    params: unknown,
    threadId: string | undefined,
    turnId: string | undefined
  ): void => {
    const following = followers.size === 0 ? undefined : followers.get(threadId)
    if (following !== undefined) { for (const follower of following) follower.offer(raw, turnId) }
    if (turnId !== undefined) {
      if (method === "turn/completed") server?.turnEnded(threadId, turnId)
      else if (method === "error" && threadId !== undefined) onError(turnsOf(threadId), params)
    } else if (method === "serverRequest/resolved") {
      const id = Predicate.isObject(params) ? JsonRpc.idOf(params["requestId"]) : undefined
      if (id !== undefined) server?.resolved(JsonRpc.idText(id, text, "params", "requestId"))
    } else if (threadId === undefined) {
      if (method === "account/rateLimits/updated") errors.rateLimits(params)
    } else if (Place.saysIdle(method, params)) idle.set(threadId, String(method))
  }

  const onError = (turns: ReadonlyArray<RunningTurn>, params: unknown): void => {
    if (!Predicate.isObject(params) || params["willRetry"] !== true) return
    for (const turn of turns) watch?.retrying(turn, params)
  }

  const follow = (threadId: string | undefined, follower: Follower): () => void => {
    const following = followers.get(threadId) ?? new Set()
    followers.set(threadId, following)
    following.add(follower)
    return () => {
      following.delete(follower)
      if (following.size === 0 && followers.get(threadId) === following) followers.delete(threadId)
    }
  }

  /** Routes one message; returns what is wrong with it. Never shows the text: it may hold prompts and keys. */
  const route = (text: string): string | undefined => {
    const message = JsonRpc.parse(text)
    if (typeof message !== "object") return message
    const { id, method } = message
    if (typeof method !== "string") {
      if (id === undefined) return "has neither a method nor an id"
      if (!requests.answer(message)) strayAnswers++
    } else if (id === undefined) onNotification(message, text)
    else {
      const known = JsonRpc.idOf(id)
      if (known === undefined) return "is a request with an id that is neither a string nor a number"
      const { params } = message
      const key = JsonRpc.idText(known, text, "id")
      server?.request({ id: known, key, method, params, ...Place.ofRequest(method, params) })
    }
    return undefined
  }

  /** As `route`; a message that cannot be handled must not cost the connection. */
  const attempt = (text: string): string | undefined => {
    try {
      return route(text)
    } catch (defect) {
      return `cannot be handled (${printable(textOf(defect)).slice(0, 200)})`
    }
  }

  return Router.of({
    accept: (messages) => {
      let problem: string | undefined
      const before = badLines
      for (let index = 0; index < messages.length; index++) {
        const text = messages[index]!
        const found = attempt(text)
        if (found === undefined) continue
        badLines++
        problem ??= `a line of ${text.length} characters ${found}`
      }
      if (idle.size > 0 || held.length > 0) afterChunk()
      if (problem === undefined) return undefined
      const counted = Metric.update(Telemetry.badLines, badLines - before)
      if (badLines < nextWarning) return counted
      nextWarning = 2 * badLines
      return Effect.andThen(
        counted,
        Effect.logWarning(`Ignored what the Codex app-server wrote: ${problem} (${badLines} bad lines so far).`)
      )
    },
    expect: (pending) => {
      const id = requests.expect(pending)
      if (failure !== undefined) {
        requests.forget(id)
        pending.settle(Exit.fail(failure))
      }
      return id
    },
    forget: (id, forgotten) => requests.forget(id, forgotten),
    whenRead: (id, read) => requests.whenRead(id, read),
    expectTurn: (threadId) =>
      new ExpectedTurn({
        follow: (follower) => follow(threadId, follower),
        turn: (turnId) => turns.get(threadId, turnId) ?? createTurn(threadId, turnId),
        ended: (method) => idle.set(threadId, method),
        failure: () => failure
      }),
    follow,
    turn: (threadId, turnId) => turns.get(threadId, turnId),
    notifications: subscriptions.all,
    globals: subscriptions.withoutTurn,
    thread: (threadId) => subscriptions.thread(threadId),
    serve: (handler) => {
      server = handler
    },
    watch: (watcher) => {
      watch = watcher
    },
    turnsOf,
    errors,
    family,
    open: (hide) => {
      failure = undefined
      errors.open(hide)
      subscriptions.reopen()
    },
    fail: (error) => {
      failure = error
      server?.lost()
      requests.fail(error)
      for (const turn of turns.all) turn.fail(error)
      family.lost()
      for (const following of followers.values()) for (const follower of following) follower.fail(error)
      subscriptions.fail(error)
    },
    stats: () => ({
      badLines,
      strayAnswers,
      pending: requests.size,
      late: requests.lateSize,
      turns: turns.all.length,
      followers: Array.from(followers.values(), ({ size }) => size).reduce((sum, size) => sum + size, 0),
      subscribers: subscriptions.count,
      threads: family.size,
      subagents: family.turns.size,
      roots: family.turns.rootCount
    })
  })
})

/**
 * A Router.
 *
 * @category layers
 */
export const layer: Layer.Layer<Router> = Layer.effect(Router, make)
