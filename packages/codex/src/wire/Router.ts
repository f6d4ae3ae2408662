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
import type * as Scope from "effect/Scope"
import * as JsonRpc from "../base/JsonRpc.ts"
import { printable } from "../base/printable.ts"
import { textOf } from "../base/text.ts"
import * as ServerVersion from "../model/connection/ServerVersion.ts"
import type { Accept, Connection } from "../model/connection/Transport.ts"
import type { CodexConnectionError } from "../model/errors/CodexError.ts"
import type * as Notification from "../model/turns/Notification.ts"
import { Delivery, type Watch } from "./Delivery.ts"
import { ExpectedTurn, type Findable } from "./ExpectedTurn.ts"
import type { Family } from "./Family.ts"
import type { Follower } from "./Followers.ts"
import { type Forgotten, type Pending, PendingRequests } from "./PendingRequests.ts"
import * as Place from "./Place.ts"
import * as Rejoining from "./Rejoining.ts"
import type { RunningTurn } from "./RunningTurn.ts"
import type { Seen } from "./Seen.ts"
import type { Server } from "./Server.ts"
import { ServerErrors } from "./ServerErrors.ts"
import type { Notifications } from "./Subscriptions.ts"
import * as Telemetry from "./Telemetry.ts"

export type { Watch } from "./Delivery.ts"
export type { Caught, Follower } from "./Followers.ts"
export type { Answer, Forgotten, Pending } from "./PendingRequests.ts"
export type { StartedTurn, TurnCursor } from "./RunningTurn.ts"
export type { Incoming, Server } from "./Server.ts"

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
   * Follows the notifications of a thread that belong to no claimed turn, such as those of turns that the server starts. Without
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
  /** Subscribes to the notifications that belong to no turn at once, until the scope closes. */
  readonly subscribeGlobals: Effect.Effect<Notifications, never, Scope.Scope>
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
  /** Resumes a thread after each lost connection, even if no turn of this client runs there. Returns a function that ends this. */
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
  /** Notes the version of the server, when the handshake has reported it. */
  readonly identify: (serverVersion: string) => void
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
 * Creates a router without a connection.
 *
 * @category constructors
 */
export const make: Effect.Effect<Router["Service"]> = Effect.sync(() => {
  const errors = new ServerErrors()
  const requests = new PendingRequests(errors)
  const delivery = new Delivery(errors)
  const { family, followers, subscriptions, turns } = delivery
  let failure: CodexConnectionError | undefined
  /** Threads that are watched without a turn. */
  const watched: Array<string> = []
  let badLines = 0
  /** The number of bad lines at which the next warning is logged: it doubles each time. */
  let nextWarning = 1
  let strayAnswers = 0

  /** Routes one message; returns what is wrong with it. Never shows the text: it may contain prompts and keys. */
  const route = (text: string): string | undefined => {
    const message = JsonRpc.parse(text)
    if (typeof message !== "object") return message
    const { id, method } = message
    if (typeof method !== "string") {
      if (id === undefined) return "has neither a method nor an id"
      if (!requests.answer(message)) strayAnswers++
    } else if (id === undefined) delivery.notify(message, text)
    else {
      const known = JsonRpc.idOf(id)
      if (known === undefined) return "is a request with an id that is neither a string nor a number"
      const { params } = message
      const key = JsonRpc.idText(known, text, "id")
      delivery.server?.request({ id: known, key, method, params, ...Place.ofRequest(method, params) })
    }
    return undefined
  }

  /** As `route`; a message that cannot be handled must not end the connection. */
  const attempt = (text: string): string | undefined => {
    try {
      return route(text)
    } catch (defect) {
      return `cannot be handled (${printable(textOf(defect)).slice(0, 200)})`
    }
  }

  const deliver = (event: Notification.Raw): void => delivery.notify(event, "")

  return Router.of({
    accept: (messages) => {
      let problem: string | undefined
      const before = badLines
      for (let index = 0; index < messages.length; index++) {
        const text = messages[index]!
        if (delivery.ignores(text)) continue
        const found = attempt(text)
        if (found === undefined) continue
        badLines++
        problem ??= `a line of ${text.length} characters ${found}`
      }
      delivery.endChunk()
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
        follow: (follower) => followers.add(threadId, follower),
        turn: (turnId) => delivery.claim(threadId, turnId),
        offer: (turn, raw) => delivery.offer(turn, raw),
        seen: () => delivery.newSeen(),
        used: () => delivery.usedOn(threadId),
        ended: (method) => delivery.setIdle(threadId, method),
        failure: () => failure
      }, findable),
    follow: (threadId, follower) => followers.add(threadId, follower),
    turn: (threadId, turnId) => turns.get(threadId, turnId),
    notifications: subscriptions.all,
    globals: subscriptions.withoutTurn,
    subscribeGlobals: subscriptions.scopedWithoutTurn,
    thread: (threadId) => subscriptions.thread(threadId),
    serve: (server) => {
      delivery.server = server
    },
    watch: (watch) => {
      delivery.watch = watch
    },
    running: () => [...turns.all, ...followers.wholes].filter(({ ended, isForeign }) => !ended && !isForeign),
    observe: (threadId, turnId) => delivery.observe(threadId, turnId),
    foreign: (threadId) => delivery.foreign(threadId),
    isWatched: (threadId) => watched.includes(threadId),
    subscribe: (threadId) => subscriptions.scoped(threadId),
    watchThread: (threadId) => {
      watched.push(threadId)
      return () => {
        watched.splice(watched.indexOf(threadId), 1)
      }
    },
    turnsOf: (threadId) => delivery.turnsOf(threadId),
    errors,
    family,
    open: (connection = {}) => {
      failure = undefined
      delivery.serverContinues = connection.serverContinues === true
      delivery.isShared = connection.isShared === true
      errors.open(connection.hide)
      subscriptions.reopen()
    },
    identify: (serverVersion) => {
      delivery.sameIds = ServerVersion.isAtLeast(serverVersion, "0.169.0")
    },
    seen: () => delivery.seen(),
    suspend: (error) => {
      followers.suspend(error)
      delivery.suspend()
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
      delivery.server?.lost()
      requests.fail(error)
      for (const turn of turns.all) turn.fail(error)
      family.lost()
      followers.fail(error)
      subscriptions.fail(error)
    },
    stats: () => ({
      badLines,
      strayAnswers,
      pending: requests.size,
      late: requests.lateSize,
      turns: turns.all.length,
      followers: followers.size,
      subscribers: subscriptions.count,
      threads: family.size,
      subagents: family.turns.size,
      roots: family.turns.rootCount
    })
  })
})

/**
 * A router without a connection.
 *
 * @category layers
 */
export const layer: Layer.Layer<Router> = Layer.effect(Router, make)
