/**
 * The start of a step: finds the thread on which a prompt goes on, and brings it what follows.
 *
 * A prompt goes on where its ticket says, if the conversation up to there is what the model has seen on that thread. Otherwise
 * it starts a new thread, whose history is the prompt.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type { Codex } from "effect-codex/Codex"
import type * as CodexError from "effect-codex/CodexError"
import type * as AiError from "effect/ai/AiError"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Asked } from "./Asked.ts"
import type { Declarations } from "./Declarations.ts"
import * as Execution from "./Execution.ts"
import * as Failure from "./Failure.ts"
import * as Items from "./Items.ts"
import * as Options from "./Options.ts"
import { Parts } from "./Parts.ts"
import type { Conversation, Incoming, RunningTurn, Threads } from "./Threads.ts"
import * as Ticket from "./Ticket.ts"
import * as ToolCodec from "./ToolCodec.ts"
import type * as Transcript from "./Transcript.ts"
import { Usage } from "./Usage.ts"

export interface Request {
  readonly transcript: Transcript.Transcript
  readonly config: Options.CallConfig
  /** The tools of the program that Codex offers to the model. */
  readonly declarations: Declarations
  readonly outputSchema: Protocol.Json | undefined
  readonly handlers: Execution.Handlers | undefined
}

/** A conversation whose turn runs. */
export interface Started {
  readonly conversation: Conversation
  readonly running: RunningTurn
}

export interface Services {
  readonly codex: Codex["Service"]
  readonly threads: Threads
  readonly options: Options.Options
  /** The scope of the model, in which its turns are read. */
  readonly scope: Scope.Scope
}

/** The receiver of the events of a turn. */
type Reader = Pick<RunningTurn, "incoming" | "parts">

/** Has the tools of a turn executed within it, if the call of the model brings their handlers. */
const execute = (
  { calls, thread }: Conversation,
  { incoming, parts }: Reader,
  { handlers }: Request
): void => {
  calls.executor = handlers && Execution.make(handlers, {
    threadId: thread.id,
    parts,
    offer: (message) => Queue.offerUnsafe(incoming, message)
  })
}

/** Starts a step. When the scope closes, a conversation that is still busy is closed. */
export const make = ({ codex, options, scope, threads }: Services) => {
  /** Reads a turn into its queue, over all its steps. */
  const read = Effect.fnUntraced(function*(conversation: Conversation, reader: Reader, turn: RunningTurn["turn"]) {
    // A thread that was loaded again after a restart has lost what it was started with.
    const raw = conversation.raw && conversation.connection === codex.metadata
    const running: RunningTurn = { ...reader, turn, usage: new Usage(raw), asked: new Asked(raw), isLost: false }
    conversation.running = running
    yield* turn.stream.pipe(
      Stream.map((event): Incoming => {
        if (event.method === "turn/completed") running.isLost = event.params.turn.status !== "completed"
        return { _tag: "Event", event }
      }),
      Stream.onExit((exit) =>
        Effect.sync(() => {
          // Its reader ends before it when the model's scope closes.
          if (Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)) running.isLost = true
        })
      ),
      Stream.runIntoQueue(reader.incoming),
      Effect.forkIn(scope)
    )
    return { conversation, running }
  })

  /** Starts a turn with entries, of which the last ones are its input. */
  const startTurn = Effect.fnUntraced(function*(
    conversation: Conversation,
    history: ReadonlyArray<Transcript.Entry>,
    request: Request
  ) {
    const { config, outputSchema, transcript } = request
    const lasting = Options.lastingOf(config)
    const cut = transcript.after.findLastIndex(({ role }) => role !== "user") + 1
    const input = transcript.after.slice(cut)
    const added = [...history, ...transcript.after.slice(0, cut)]
    conversation.head = yield* Ticket.advance(conversation.head, [...added, ...input])
    yield* Items.inject(codex, conversation.thread.id, added)
    conversation.lasting = { ...conversation.lasting, ...lasting }
    const reader: Reader = {
      incoming: yield* Queue.make<Incoming, CodexError.TurnStreamError | Cause.Done>(),
      parts: new Parts()
    }
    execute(conversation, reader, request)
    const starting = conversation.thread.turn(Items.input(input), {
      ...lasting,
      ...(config.startTimeout === undefined ? {} : { startTimeout: config.startTimeout }),
      ...(outputSchema === undefined ? {} : { outputSchema })
    })
    return yield* Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(restore(starting), (turn) => read(conversation, reader, turn))
    )
  })

  /** Brings a parked turn the results that it waits for, and what the user has said since. */
  const answer = Effect.fnUntraced(function*(
    conversation: Conversation,
    running: RunningTurn,
    { after, results }: Transcript.Transcript
  ) {
    conversation.head = yield* Ticket.advance(conversation.head, [...results, ...after])
    if (after.length > 0) yield* running.turn.steer(Items.input(after))
    for (const result of results) {
      if (running.asked.open.delete(result.id)) conversation.calls.answer(result.id, ToolCodec.response(result))
    }
    return { conversation, running }
  })

  return Effect.fnUntraced(function*(
    request: Request
  ): Effect.fn.Return<Started, Failure.Error | AiError.AiErrorReason, Scope.Scope> {
    const { config, transcript } = request
    const { after, before, results, system, ticket } = transcript
    const place = Options.placeOf(config, options.threadOptions)
    const lasting = Options.lastingOf(config)
    const { instructions, threadOptions } = options
    const { declarations } = request
    // Handlers make no other conversation.
    const rest = { ...threadOptions, serverRequests: undefined }
    const seed = yield* Ticket.next("", { system, declarations, place, instructions, rest })

    const owner: { conversation?: Conversation } = {}
    // The next call may have the conversation by then.
    yield* Effect.addFinalizer(() => {
      const { conversation } = owner
      return conversation?.state === "busy" && conversation.owner === owner ? threads.close(conversation) : Effect.void
    })
    const claim = (conversation: Conversation) => {
      threads.claim(conversation, owner)
      owner.conversation = conversation
      return conversation
    }
    const opened = <E>(opening: Effect.Effect<Conversation, E>) => Effect.uninterruptible(Effect.map(opening, claim))

    const fresh = Effect.gen(function*() {
      const conversation = yield* opened(threads.start({ place, lasting, system, declarations }))
      conversation.head = seed
      return yield* startTurn(conversation, [...before, ...results], request)
    })

    if (ticket === undefined) return yield* fresh
    const reached = yield* Ticket.advance(seed, before)
    const kept = threads.get(ticket.threadId)
    if (kept !== undefined && kept.connection !== codex.metadata) yield* threads.close(kept)

    if (kept !== undefined && kept.head === reached && kept.turnId === ticket.turnId) {
      const { running } = kept
      if (kept.state === "parked" && running !== undefined) {
        const isAnswered = results.some(({ isMissing }) => !isMissing) && after.every(({ role }) => role === "user")
        if (isAnswered && !running.isLost) {
          claim(kept)
          execute(kept, running, request)
          return yield* answer(kept, running, transcript)
        }
        yield* threads.close(kept)
        return yield* fresh
      }
      const isComplete = Object.keys(kept.lasting).every((key) => key in lasting)
      if (kept.state === "idle" && isComplete) {
        claim(kept)
        return yield* Effect.catchTag(
          startTurn(kept, results, request),
          "CodexRpcError",
          (error) =>
            error.reason._tag === "ThreadNotFound"
              ? Effect.andThen(threads.close(kept), fresh)
              : Effect.fail(error)
        )
      }
    }

    // A thread in memory can't be forked, and a turn that waits for results ends with its process.
    if (options.ephemeral !== false || ticket.parked === true || ticket.head !== reached) return yield* fresh
    const reopened = yield* Effect.option(opened(threads.reopen(ticket, place)))
    if (Option.isNone(reopened)) return yield* fresh
    reopened.value.head = reached
    return yield* startTurn(reopened.value, results, request)
  })
}
