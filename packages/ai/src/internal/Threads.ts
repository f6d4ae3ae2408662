/**
 * The threads that a model keeps: each with the digest of its conversation, and with its turn while that runs or waits.
 */
import { Codex } from "effect-codex/Codex"
import type * as CodexClient from "effect-codex/CodexClient"
import type * as CodexError from "effect-codex/CodexError"
import type * as Notification from "effect-codex/Notification"
import type * as ServerRequests from "effect-codex/ServerRequests"
import type * as Thread from "effect-codex/Thread"
import type * as Turn from "effect-codex/Turn"
import type * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import type { Asked } from "./Asked.ts"
import type { Declarations } from "./Declarations.ts"
import * as Options from "./Options.ts"
import type { Draft, Parts } from "./Parts.ts"
import type * as Ticket from "./Ticket.ts"
import { ToolCalls } from "./ToolCalls.ts"
import type { Usage } from "./Usage.ts"

/** A message for the step that reads a turn. */
export type Incoming =
  | { readonly _tag: "Event"; readonly event: Notification.Notification }
  | { readonly _tag: "Drafts"; readonly drafts: () => ReadonlyArray<Draft> }
  | { readonly _tag: "HandlerFailed" }

/** A turn, over all its steps. */
export interface RunningTurn {
  readonly turn: Turn.Turn
  readonly incoming: Queue.Queue<Incoming, CodexError.TurnStreamError | Cause.Done>
  readonly parts: Parts
  readonly usage: Usage
  readonly asked: Asked
  /** Whether the turn has ended without a result, though no step has read that yet. */
  isLost: boolean
}

/** A thread that the model keeps. */
export interface Conversation {
  readonly thread: Thread.Thread
  /** The handshake of the connection on which the thread was opened. */
  readonly connection: CodexClient.Metadata
  /** Whether the server reports each response of the model by itself. */
  readonly raw: boolean
  readonly calls: ToolCalls
  /** The lasting options that the thread's turns have had. */
  lasting: Options.Lasting
  /** The digest of the conversation so far. */
  head: string
  /** A conversation is busy during a step, parked while its turn waits for results, and idle between turns. */
  state: "busy" | "parked" | "idle" | "closed"
  running: RunningTurn | undefined
  /** Names the step that has the conversation, or had it last. */
  owner: object | undefined
  /** The id of the last turn. */
  turnId: string | undefined
  timer: Fiber.Fiber<void> | undefined
}

/** The options with which a thread is opened. */
export interface Opening {
  readonly place: Options.Place
  readonly lasting: Options.Lasting
  readonly system: string | undefined
  /** The tools of the program that Codex offers to the model. */
  readonly declarations: Declarations
}

/** How long a call that was interrupted waits for the end of its turn. */
const waitForStop = "3 seconds"

/** The first server that reports each response of the model by itself. */
const reportsResponses = (version: string): boolean => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  return major > 0 || minor >= 160
}

export interface Threads {
  /** Returns a kept thread. */
  readonly get: (threadId: string) => Conversation | undefined
  /** Starts a thread. The caller has it to itself until it is parked, rested or closed. */
  readonly start: (opening: Opening) => Effect.Effect<Conversation, CodexError.ThreadError>
  /** Loads a stored thread at the turn of a ticket: the thread itself if it has not moved on, otherwise a fork. */
  readonly reopen: (
    ticket: Ticket.Ticket,
    place: Options.Place
  ) => Effect.Effect<Conversation, CodexError.OpenThreadError>
  /** Takes a conversation for a step, at once. */
  readonly claim: (conversation: Conversation, owner: object) => void
  /** Leaves a conversation to whoever continues it. */
  readonly rest: (conversation: Conversation) => void
  /** Leaves a turn to whoever brings the results that it waits for. It is stopped if nobody does in time. */
  readonly park: (conversation: Conversation) => Effect.Effect<void>
  /** Stops the turn of a conversation, and forgets its thread. */
  readonly close: (conversation: Conversation) => Effect.Effect<void>
}

/** Stops a turn, and waits for its end. */
const stop = ({ turn }: RunningTurn): Effect.Effect<void> =>
  Effect.ignore(turn.interrupt).pipe(
    Effect.andThen(Effect.exit(turn.run)),
    Effect.timeoutOption(waitForStop),
    // In a fiber of its own: one that was interrupted can't be timed.
    Effect.forkDetach,
    Effect.flatMap(Fiber.await),
    Effect.asVoid
  )

export const make = Effect.fnUntraced(function*(
  options: Options.Options
): Effect.fn.Return<Threads, never, Codex | Scope.Scope> {
  const codex = yield* Codex
  const scope = yield* Effect.scope
  const parkedFor = Duration.fromInputUnsafe(options.parkedFor ?? "10 minutes")
  const maxThreads = options.maxThreads ?? 32
  /** From the least to the most recently used. */
  const kept = new Map<string, Conversation>()

  const touch = (conversation: Conversation) => {
    kept.delete(conversation.thread.id)
    kept.set(conversation.thread.id, conversation)
  }

  const close = (conversation: Conversation): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (conversation.state === "closed") return Effect.void
      conversation.state = "closed"
      const { running, thread, timer } = conversation
      if (kept.get(thread.id) === conversation) kept.delete(thread.id)
      return Effect.all([
        timer === undefined ? Effect.void : Fiber.interrupt(timer),
        running === undefined || running.isLost ? Effect.void : stop(running)
      ], { concurrency: "unbounded" }).pipe(
        Effect.andThen(Effect.ignore(codex.client.request("thread/unsubscribe", { threadId: thread.id })))
      )
    })

  /** Closes conversations until there is room for another one. */
  const makeRoom: Effect.Effect<void> = Effect.suspend(() => {
    if (kept.size < maxThreads) return Effect.void
    const conversations = [...kept.values()]
    const oldest = conversations.find(({ state }) => state === "idle")
      ?? conversations.find(({ state }) => state === "parked")
    return oldest === undefined ? Effect.void : Effect.andThen(close(oldest), makeRoom)
  })

  /** Opens a thread, whose tool calls come here. */
  const open = <E>(
    opening: (serverRequests: ServerRequests.ServerRequestHandlers) => Effect.Effect<Thread.Thread, E>,
    how: { readonly raw: boolean; readonly lasting: Options.Lasting }
  ): Effect.Effect<Conversation, E> =>
    Effect.gen(function*() {
      yield* makeRoom
      const connection = codex.metadata
      const calls = new ToolCalls()
      const thread = yield* opening({ ...options.threadOptions?.serverRequests, "item/tool/call": calls.handler })
      calls.threadId = thread.id
      const conversation: Conversation = {
        ...how,
        thread,
        connection,
        calls,
        head: "",
        state: "busy",
        running: undefined,
        owner: undefined,
        turnId: undefined,
        timer: undefined
      }
      touch(conversation)
      return conversation
    }).pipe(Effect.uninterruptible)

  yield* Effect.addFinalizer(() =>
    Effect.forEach([...kept.values()], close, { concurrency: "unbounded", discard: true })
  )

  return {
    get: (threadId) => kept.get(threadId),
    start: ({ declarations, lasting, place, system }) => {
      const { model, personality, serviceTier } = lasting
      const start = (serverRequests: ServerRequests.ServerRequestHandlers) =>
        codex.threadStart({
          ...options.threadOptions,
          ...place,
          model,
          personality,
          serviceTier,
          ephemeral: options.ephemeral ?? true,
          experimentalRawEvents: true,
          [options.instructions === "base" ? "baseInstructions" : "developerInstructions"]: system,
          ...(declarations.length === 0 ? {} : { dynamicTools: declarations }),
          serverRequests
        })
      return open(start, {
        raw: reportsResponses(codex.metadata.serverVersion),
        lasting: Options.lastingOf({ model, personality, serviceTier })
      })
    },
    reopen: ({ threadId, turnId }, place) => {
      const reopen = Effect.fnUntraced(function*(serverRequests: ServerRequests.ServerRequestHandlers) {
        const opened = { ...place, limits: options.threadOptions?.limits, serverRequests }
        const fork = codex.threadFork(threadId, { ...opened, ephemeral: false, lastTurnId: turnId })
        if (kept.has(threadId)) return yield* fork
        const { status, turns } = yield* codex.threadRead(threadId, { includeTurns: true })
        return yield* turns.at(-1)?.id === turnId && status.type !== "active"
          ? codex.threadResume(threadId, opened)
          : fork
      })
      return open(reopen, { raw: false, lasting: {} })
    },
    claim: (conversation, owner) => {
      conversation.owner = owner
      conversation.timer?.interruptUnsafe()
      conversation.timer = undefined
      conversation.state = "busy"
      touch(conversation)
    },
    rest: (conversation) => {
      conversation.state = "idle"
      conversation.turnId = conversation.running?.turn.id
      conversation.running = undefined
      touch(conversation)
    },
    park: (conversation) =>
      Effect.suspend(() => {
        conversation.state = "parked"
        conversation.turnId = conversation.running?.turn.id
        const expire = Effect.suspend(() => {
          conversation.timer = undefined
          return close(conversation)
        })
        return Effect.map(Effect.forkIn(Effect.delay(expire, parkedFor), scope), (timer) => {
          conversation.timer = timer
        })
      }),
    close
  }
})
