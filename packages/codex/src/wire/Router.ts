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
import type * as Scope from "effect/Scope"
import type { Cursor } from "../base/Broadcast.ts"
import * as JsonRpc from "../base/JsonRpc.ts"
import { printable } from "../base/printable.ts"
import { textOf } from "../base/text.ts"
import type { Accept, Connection } from "../model/connection/Transport.ts"
import type { CodexConnectionError, TurnStreamError } from "../model/errors/CodexError.ts"
import type * as Notification from "../model/turns/Notification.ts"
import * as Usage from "../model/turns/Usage.ts"
import { ExpectedTurn, type Findable } from "./ExpectedTurn.ts"
import { Family } from "./Family.ts"
import { type Forgotten, type Pending, PendingRequests } from "./PendingRequests.ts"
import * as Place from "./Place.ts"
import * as Rejoining from "./Rejoining.ts"
import type { History } from "./Rejoining.ts"
import { RunningTurn } from "./RunningTurn.ts"
import { RunningTurns } from "./RunningTurns.ts"
import { Seen } from "./Seen.ts"
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
  /** The connection is lost, and the client reconnects. Returns false if the follower fails all the same. */
  readonly suspend?: (error: CodexConnectionError) => boolean
  /**
   * The thread was resumed on the next connection. Undefined if the history does not reach back far enough. Runs in the reader.
   */
  readonly rejoined?: (history: History) => Caught | undefined
  /** The turn whose events it takes, while one runs. */
  readonly running?: RunningTurn | null
  /** As `running`, also between two turns of the server that are one for their consumers. */
  readonly whole?: RunningTurn | null
}

/** Receives situations after which the server may send nothing more. Runs in the reader. */
/** A follower that has caught up with the history of its thread. */
export interface Caught {
  /** Runs when the turns of the thread have caught up, too. */
  readonly settle: () => void
  /** The ends of turns, to be run when their usage has arrived. */
  readonly endings: ReadonlyArray<() => void>
  /** Whether the server may still be busy with what is looked for: the thread is to be resumed again a little later. */
  readonly isPending?: boolean
}

export interface Watch {
  /** Turns of this thread run here, and a notification of that method says that none does. */
  readonly idle: (threadId: string, turns: ReadonlyArray<RunningTurn>, method: string) => void
  /** The turn has met an error, and the server tries again. */
  readonly retrying: (turn: RunningTurn, params: unknown) => void
  /** The turn has completed, but the answer that the agent has begun is not complete. */
  readonly unanswered: (turn: RunningTurn) => void
  /** The turn has completed after a lost connection, and no usage was reported since. Its completion waits. */
  readonly unmeasured: (turn: RunningTurn) => void
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
  readonly expectTurn: (threadId: string, findable?: Findable) => ExpectedTurn
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
  /** Returns the turn of another client, to observe it. */
  readonly observe: (threadId: string, turnId: string) => RunningTurn
  /** Returns the turn of a thread that another client runs, as far as it is known. */
  readonly foreign: (threadId: string) => string | undefined
  /** Resumes a thread again after a lost connection, though no turn of this client runs there. Returns a function that ends this. */
  readonly watchThread: (threadId: string) => () => void
  /** Returns true if a thread is watched. */
  readonly isWatched: (threadId: string) => boolean
  /** Subscribes to the notifications of a thread at once, until the scope closes. */
  readonly subscribe: (threadId: string) => Effect.Effect<Notifications, never, Scope.Scope>
  /** Every turn and goal of this client that has not ended. */
  readonly running: () => ReadonlyArray<RunningTurn>
  /** The running turns of a thread. */
  readonly turnsOf: (threadId: string) => ReadonlyArray<RunningTurn>
  /** Builds the errors that the server reports. */
  readonly errors: ServerErrors
  /** Starts routing for a new connection, also after a failure. `hide` removes its secrets from errors. */
  readonly open: (connection?: Pick<Connection, "hide" | "isShared" | "serverContinues">) => void
  /** A record of the received part of a turn. Null if turns end with the connection in use. */
  readonly seen: () => Seen | null
  /** Handles a notification as if it had just arrived. Must be called in the reader. */
  readonly deliver: (event: Notification.Raw) => void
  /** Fails the requests that wait, because the connection is lost. Turns and consumers wait for the next one. */
  readonly suspend: (error: CodexConnectionError) => void
  /** Brings turns up to date on the next connection. */
  readonly rejoining: Rejoining.Rejoining
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

  /** The latest turn of each thread that nobody here has claimed, where other clients use the same server. */
  const unclaimed = new Map<string, string>()
  /** Threads that are watched without a turn. */
  const watched: Array<string> = []
  let isShared = false
  /** Whether turns outlive the connection in use. */
  let serverContinues = false

  const seen = () => serverContinues ? new Seen() : null

  const createTurn = (threadId: string, turnId: string): RunningTurn => {
    const turn = new RunningTurn(threadId, turnId, errors, family.turns)
    turn.seen = seen()
    const used = turn.seen === null ? undefined : family.get(threadId)?.used
    if (used !== undefined) turn.usedBefore = Usage.totalOf(used)
    turns.add(turn)
    unclaimed.delete(threadId)
    turn.onHeld = () => held.push(turn)
    turn.whenEnded(() => server?.turnEnded(threadId, turnId))
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
    const turn = turns.get(threadId, turnId)
    if (turn?.seen?.isCut !== true) dispatch(raw, text, threadId, turnId, turn)
    else filtered(turn, turn.seen, raw, (each) => dispatch(each, text, threadId, turnId, turn))
  }

  /** Takes an event of a turn after a cut: consumers get others in its place. */
  const filtered = (turn: RunningTurn, seen: Seen, raw: Notification.Raw, take: (event: Notification.Raw) => void) => {
    for (const each of seen.pass(raw)) take(each)
    if (seen.completion === raw && !turn.ended) watch?.unmeasured(turn)
  }

  const deliver = (event: Notification.Raw): void => onNotification(event, "")

  const dispatch = (
    raw: Notification.Raw,
    text: string,
    threadId: string | undefined,
    turnId: string | undefined,
    turn: RunningTurn | undefined
  ): void => {
    const method = raw["method"]
    const params = raw["params"]
    // First, because consumers of the message may look at the family.
    if (Predicate.isObject(params)) family.observe(method, params, threadId, turnId)
    let event: Notification.Notification | undefined
    if (turn !== undefined) {
      event = turn.offer(raw)
      if (method === "error") onError([turn], params)
    } else onUnclaimed(raw, text, method, params, threadId, turnId)
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
      if (isShared && threadId !== undefined) {
        if (method === "turn/started") unclaimed.set(threadId, turnId)
        else if (method === "turn/completed") unclaimed.delete(threadId)
      }
      if (method === "turn/completed") {
        server?.turnEnded(threadId, turnId)
        // After the followers, which read the usage of the turn. A claimed turn does this itself when it ends.
        family.turns.endRoot(turnId)
      } else if (method === "error" && threadId !== undefined) onError(turnsOf(threadId), params)
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
    expectTurn: (threadId, findable) =>
      new ExpectedTurn({
        follow: (follower) => follow(threadId, follower),
        turn: (turnId) => turns.get(threadId, turnId) ?? createTurn(threadId, turnId),
        offer: (turn, raw) => {
          if (turn.seen?.isCut !== true) turn.offer(raw)
          else filtered(turn, turn.seen, raw, (each) => turn.offer(each))
        },
        ended: (method) => idle.set(threadId, method),
        failure: () => failure
      }, findable),
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
    running: () =>
      [
        ...turns.all,
        ...Array.from(followers.values(), (ofThread) => Array.from(ofThread, ({ whole }) => whole ?? []).flat()).flat()
      ].filter(({ ended, isForeign }) => !ended && !isForeign),
    observe: (threadId, turnId) => {
      const turn = turns.get(threadId, turnId) ?? createTurn(threadId, turnId)
      turn.isForeign = true
      turn.seen?.cut()
      return turn
    },
    foreign: (threadId) => unclaimed.get(threadId) ?? turns.of(threadId).find(({ isForeign }) => isForeign)?.turnId,
    isWatched: (threadId) => watched.includes(threadId),
    subscribe: (threadId) => subscriptions.scoped(threadId),
    watchThread: (threadId) => {
      watched.push(threadId)
      return () => {
        watched.splice(watched.indexOf(threadId), 1)
      }
    },
    turnsOf,
    errors,
    family,
    open: (connection = {}) => {
      failure = undefined
      serverContinues = connection.serverContinues === true
      isShared = connection.isShared === true
      errors.open(connection.hide)
      subscriptions.reopen()
    },
    seen,
    suspend: (error) => {
      for (const following of followers.values()) {
        for (const follower of following) if (follower.suspend?.(error) !== true) follower.fail(error)
      }
      unclaimed.clear()
      family.suspend()
      requests.fail(error)
    },
    deliver,
    rejoining: Rejoining.make({
      turns,
      followers,
      family,
      subscribed: () => [...subscriptions.threadIds, ...watched],
      deliver
    }),
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
