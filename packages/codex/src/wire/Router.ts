/**
 * Who receives each incoming message: a response goes to its request, an event to its turn, its thread and those who
 * watch everything, a request of the server to who answers it.
 *
 * It is fed by the one reader of a connection, a chunk of messages at a time, and does the least: parse, look up, push.
 * No Effect is run for a message, and nothing is kept that nobody can claim.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { Broadcast, type Cursor } from "../base/Broadcast.ts"
import { printable } from "../base/printable.ts"
import type { Hide } from "../base/secrets.ts"
import type { CodexConnectionError, CodexRpcError, TurnStreamError } from "../model/CodexError.ts"
import * as Notification from "../model/Notification.ts"
import type { Accept } from "../model/Transport.ts"
import { RunningTurn } from "./RunningTurn.ts"
import { ServerErrors } from "./ServerErrors.ts"
import * as Telemetry from "./Telemetry.ts"

/** The answer to a request: its result as it was received, or why there is none. */
export type Answer = Exit.Exit<unknown, CodexRpcError | CodexConnectionError>

/** A request that waits for its answer. */
export interface Pending {
  readonly method: string
  /** Named in errors. */
  readonly threadId?: string | undefined
  /** Runs in the reader, before the next message is looked at. */
  readonly settle: (answer: Answer) => void
}

/** A request of the server. */
export interface Incoming {
  readonly id: string | number
  readonly method: string
  readonly params: unknown
  readonly threadId: string | undefined
  readonly turnId: string | undefined
}

/** Who answers requests of the server. */
export interface Server {
  /** Takes a request. Returns at once; the answer goes its own way. */
  readonly request: (request: Incoming) => void
  /** The request needs no answer any more. */
  readonly resolved: (id: string | number) => void
  /** The turn has ended: its requests need no answer any more. */
  readonly turnEnded: (turnId: string) => void
  /** The thread is not loaded any more: it asks nothing until it is loaded again. */
  readonly threadClosed: (threadId: string) => void
  /** The connection is lost, and with it every request. */
  readonly lost: () => void
}

/** The events of a turn, from the place where its starter came in. */
export type TurnCursor = Cursor<Notification.Notification, TurnStreamError>

/**
 * Takes what belongs to no claimed turn. Runs in the reader, so a follower that stands before a request is written misses
 * nothing that comes of it.
 */
export interface Follower {
  /** Takes one notification, and the id of its turn if it has one. */
  readonly offer: (raw: Notification.Raw, turnId: string | undefined) => void
  /** The connection is lost. */
  readonly fail: (error: CodexConnectionError) => void
}

/** A turn that was claimed by who started it. */
export interface Claimed {
  /** The events of the turn, and its result. */
  readonly queue: RunningTurn
  /** Before the first event; null if events were not asked for. */
  readonly cursor: TurnCursor | null
  /** Whether the turn was started by this claim; else it was running, and was steered. */
  readonly owned: boolean
}

/** Counters, for tests and metrics. Of what is held, all are zero when idle. */
export interface Stats {
  /** Messages that were no JSON object, or could not be routed. */
  readonly badLines: number
  /** Answers to requests that nobody waits for. */
  readonly strayAnswers: number
  /** Requests that wait for their answer. */
  readonly pending: number
  /** Turns that are claimed and have not ended. */
  readonly turns: number
  /** Who follows a thread, or the account: starts in flight, goals, logins. */
  readonly followers: number
  /** Consumers of notifications. */
  readonly subscribers: number
}

/**
 * Routes what a connection brings. A client has one; it outlives a lost connection if the client restarts its server.
 *
 * @category services
 */
export class Router extends Context.Service<Router, {
  /**
   * Takes messages, JSON texts, in the order in which they arrived. Returns an Effect only if some were bad: it counts and
   * logs them.
   */
  readonly accept: Accept
  /** Registers a request before it is written. */
  readonly expect: (id: number, pending: Pending) => void
  /** Nobody waits for this answer any more. A result that comes all the same, on this connection, goes to `late`. */
  readonly forget: (id: number, late?: (result: unknown) => void) => void
  /**
   * Marks a thread as expecting a turn, before the request that starts it is written: events of unknown turns of this
   * thread are kept until the turn is claimed, or the start is closed.
   */
  readonly expectTurn: (threadId: string) => TurnStart
  /**
   * Follows a thread: what happens on it and belongs to no claimed turn, such as turns that start by themselves.
   * Without a thread: what belongs to no thread at all. Gives how to stop.
   */
  readonly follow: (threadId: string | undefined, follower: Follower) => () => void
  /** The queue of a turn that is running. */
  readonly turn: (turnId: string) => RunningTurn | undefined
  /** Every notification from now on. */
  readonly notifications: Stream.Stream<Notification.Notification, CodexConnectionError>
  /** Every notification from now on that belongs to no turn. */
  readonly globals: Stream.Stream<Notification.Notification, CodexConnectionError>
  /** Every notification of one thread from now on. */
  readonly thread: (threadId: string) => Stream.Stream<Notification.Notification, CodexConnectionError>
  /** Builds the errors that the server reports. */
  readonly errors: ServerErrors
  /** Sets who answers requests of the server. */
  readonly serve: (server: Server) => void
  /** Routes what a new connection brings, after a failure too. `hide` removes its secrets from errors. */
  readonly open: (hide?: Hide) => void
  /** The connection is lost: everything that waits gets the error, after what had arrived. */
  readonly fail: (error: CodexConnectionError) => void
  /** What is held now, and what was counted. */
  readonly stats: () => Stats
}>()("effect-codex/Router") {}

/** A thread that is expected to have a turn. */
export interface TurnStart {
  /**
   * Claims the next turn of the thread that starts without anybody's asking, such as a compaction; without its events. Gives
   * it in the reader, or the error if the connection is lost first.
   */
  readonly adopt: (onTurn: (turn: Exit.Exit<Claimed, CodexConnectionError>) => void) => void
  /** Claims the turn with this id, with the events that came before. To be called by the reader, with the answer. */
  readonly claim: (turnId: string, events: boolean) => Claimed
  /** Frees what was kept and not claimed. */
  readonly close: () => void
}

/** Who watches events; costs nothing while there is nobody. */
class Hub {
  private log = new Broadcast<Notification.Notification, CodexConnectionError>()

  get isWatched(): boolean {
    return this.log.isFollowed
  }

  push(event: Notification.Notification): void {
    this.log.push(event)
  }

  fail(error: CodexConnectionError): void {
    this.log.end(Exit.fail(error))
  }

  reopen(): void {
    if (this.log.exit !== null) this.log = new Broadcast()
  }

  cursor(): Cursor<Notification.Notification, CodexConnectionError> {
    return this.log.cursor()
  }
}

/** What tells that a thread is not loaded any more. */
const closing: ReadonlySet<unknown> = new Set<Notification.Notification["method"]>([
  "thread/archived",
  "thread/closed",
  "thread/deleted"
])

/** The id in `params[flat]`, or in `params[nested].id`. */
const idOf = (
  params: { readonly [key: string]: unknown },
  flat: "threadId" | "turnId",
  nested: "thread" | "turn"
): string | undefined => {
  const id = params[flat]
  if (typeof id === "string") return id
  const object = params[nested]
  return Predicate.isObject(object) && typeof object["id"] === "string" ? object["id"] : undefined
}

/**
 * A Router that waits to be fed.
 *
 * @category constructors
 */
export const make: Effect.Effect<Router["Service"]> = Effect.sync(() => {
  const requests = new Map<number, Pending>()
  /** What is done with results that come too late. */
  const late = new Map<number, (result: unknown) => void>()
  const turns = new Map<string, RunningTurn>()
  const followers = new Map<string | undefined, Set<Follower>>()
  const threads = new Map<string, Hub>()
  const everything = new Hub()
  const globals = new Hub()
  let subscribers = 0
  let failure: CodexConnectionError | undefined
  let server: Server | undefined
  let badLines = 0
  /** So many bad lines are worth the next warning: each tells of twice as many. */
  let nextWarning = 1
  let strayAnswers = 0
  const errors = new ServerErrors()

  const subscribe = (hub: () => Hub, release: (hub: Hub) => void) =>
    Stream.unwrap(Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const joined = hub()
          subscribers++
          if (failure !== undefined) joined.fail(failure)
          return { hub: joined, cursor: joined.cursor() }
        }),
        ({ cursor, hub }) =>
          Effect.sync(() => {
            cursor.close()
            subscribers--
            release(hub)
          })
      ),
      ({ cursor }) => cursor.stream
    ))

  const createTurn = (threadId: string, turnId: string): RunningTurn => {
    const queue = new RunningTurn(threadId, turnId, errors)
    turns.set(turnId, queue)
    queue.whenEnded(() => {
      turns.delete(turnId)
      server?.turnEnded(turnId)
    })
    return queue
  }

  /** Hands an event to those who watch a thread, or everything. */
  const publish = (
    raw: Notification.Raw,
    event: Notification.Notification | undefined,
    threadId: string | undefined,
    turnId: string | undefined
  ): void => {
    const thread = threadId === undefined ? undefined : threads.get(threadId)
    const inGlobals = turnId === undefined && globals.isWatched
    if (thread === undefined && !inGlobals && !everything.isWatched) return
    event ??= Notification.fromMessage(raw)
    thread?.push(event)
    if (inGlobals) globals.push(event)
    everything.push(event)
  }

  const onNotification = (raw: Notification.Raw): void => {
    const params = raw["params"]
    let threadId: string | undefined
    let turnId: string | undefined
    if (Predicate.isObject(params)) {
      threadId = idOf(params, "threadId", "thread")
      turnId = idOf(params, "turnId", "turn")
    }
    let event: Notification.Notification | undefined
    const queue = turnId === undefined ? undefined : turns.get(turnId)
    if (queue !== undefined) event = queue.offer(raw)
    else {
      const following = followers.size === 0 ? undefined : followers.get(threadId)
      if (following !== undefined) { for (const follower of following) follower.offer(raw, turnId) }
      if (turnId !== undefined) {
        if (raw["method"] === "turn/completed") server?.turnEnded(turnId)
      } else if (threadId !== undefined) {
        if (closing.has(raw["method"])) server?.threadClosed(threadId)
      } else if (raw["method"] === "account/rateLimits/updated") errors.rateLimits(params)
    }
    if (subscribers > 0) publish(raw, event, threadId, turnId)
    if (raw["method"] === "serverRequest/resolved" && Predicate.isObject(params)) {
      const id = params["requestId"]
      if (typeof id === "string" || typeof id === "number") server?.resolved(id)
    }
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

  const onAnswer = (id: unknown, message: { readonly [key: string]: unknown }): void => {
    const error = message["error"] ?? undefined
    const pending = typeof id === "number" ? requests.get(id) : undefined
    if (typeof id !== "number" || pending === undefined) {
      strayAnswers++
      if (typeof id !== "number") return
      const onLate = late.get(id)
      late.delete(id)
      if (error === undefined) onLate?.(message["result"])
      return
    }
    requests.delete(id)
    try {
      pending.settle(error === undefined ? Exit.succeed(message["result"]) : Exit.fail(errors.rpc(pending, error)))
    } catch (defect) {
      // One answer that cannot be handled fails its request, and nothing else.
      pending.settle(Exit.die(defect))
    }
  }

  const onRequest = (id: string | number, method: string, params: unknown): void => {
    const fields = Predicate.isObject(params) ? params : {}
    const conversation = fields["conversationId"]
    server?.request({
      id,
      method,
      params,
      threadId: idOf(fields, "threadId", "thread") ?? (typeof conversation === "string" ? conversation : undefined),
      turnId: idOf(fields, "turnId", "turn")
    })
  }

  /** Routes one message; what is wrong with it otherwise. Never shows the text: it may hold prompts and keys. */
  const route = (text: string): string | undefined => {
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return text.trim() === "" ? undefined : "is not JSON"
    }
    if (!Predicate.isObject(message)) return "is not a JSON object"
    const method = message["method"]
    const id = message["id"]
    if (typeof method === "string") {
      if (id === undefined) onNotification(message)
      else if (typeof id === "string" || typeof id === "number") onRequest(id, method, message["params"])
      else return "is a request with an id that is neither a string nor a number"
    } else if (id !== undefined) onAnswer(id, message)
    else return "has neither a method nor an id"
    return undefined
  }

  /** As `route`; a message that cannot be handled must not cost the connection. */
  const attempt = (text: string): string | undefined => {
    try {
      return route(text)
    } catch (defect) {
      return `cannot be handled (${printable(String(defect)).slice(0, 200)})`
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
      if (problem === undefined) return undefined
      const counted = Metric.update(Telemetry.badLines, badLines - before)
      if (badLines < nextWarning) return counted
      nextWarning = 2 * badLines
      return Effect.andThen(
        counted,
        Effect.logWarning(`Ignored what the Codex app-server wrote: ${problem} (${badLines} bad lines so far).`)
      )
    },
    expect: (id, pending) => {
      if (failure === undefined) requests.set(id, pending)
      else pending.settle(Exit.fail(failure))
    },
    forget: (id, onLate) => {
      if (requests.delete(id) && onLate !== undefined) late.set(id, onLate)
    },
    expectTurn: (threadId) => {
      const kept = new Map<string, Array<Notification.Raw>>()
      let adopt: ((turn: Exit.Exit<Claimed, CodexConnectionError>) => void) | undefined
      const close = follow(threadId, {
        offer: (raw, turnId) => {
          if (turnId === undefined) return
          if (adopt !== undefined && raw["method"] === "turn/started") {
            const queue = createTurn(threadId, turnId)
            queue.offer(raw)
            close()
            return adopt(Exit.succeed({ queue, cursor: null, owned: true }))
          }
          const events = kept.get(turnId)
          if (events === undefined) kept.set(turnId, [raw])
          else events.push(raw)
        },
        fail: (error) => {
          kept.clear()
          adopt?.(Exit.fail(error))
        }
      })
      return {
        adopt: (onTurn) => {
          adopt = onTurn
        },
        claim: (turnId, events) => {
          const queue = turns.get(turnId) ?? createTurn(threadId, turnId)
          const cursor = events ? queue.keepEvents().cursor() : null
          for (const raw of kept.get(turnId) ?? []) queue.offer(raw)
          close()
          if (failure !== undefined) queue.fail(failure)
          return { queue, cursor, owned: true }
        },
        close
      }
    },
    follow,
    turn: (turnId) => turns.get(turnId),
    notifications: subscribe(() => everything, () => {}),
    globals: subscribe(() => globals, () => {}),
    thread: (threadId) =>
      subscribe(
        () => {
          const hub = threads.get(threadId) ?? new Hub()
          threads.set(threadId, hub)
          return hub
        },
        (hub) => {
          if (!hub.isWatched && threads.get(threadId) === hub) threads.delete(threadId)
        }
      ),
    serve: (handler) => {
      server = handler
    },
    errors,
    open: (hide) => {
      failure = undefined
      errors.open(hide)
      everything.reopen()
      globals.reopen()
      for (const hub of threads.values()) hub.reopen()
    },
    fail: (error) => {
      failure = error
      server?.lost()
      for (const pending of requests.values()) pending.settle(Exit.fail(error))
      requests.clear()
      late.clear()
      for (const queue of turns.values()) queue.fail(error)
      for (const following of followers.values()) for (const follower of following) follower.fail(error)
      for (const hub of [everything, globals, ...threads.values()]) hub.fail(error)
    },
    stats: () => ({
      badLines,
      strayAnswers,
      pending: requests.size,
      turns: turns.size,
      followers: Array.from(followers.values()).reduce((sum, following) => sum + following.size, 0),
      subscribers
    })
  })
})

/**
 * A Router of its own.
 *
 * @category layers
 */
export const layer: Layer.Layer<Router> = Layer.effect(Router, make)
