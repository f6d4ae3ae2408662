/**
 * A step: the part of a turn that one call of the model sees.
 *
 * A step ends with the turn, or when the turn waits for results of the program's tools. Later servers report the end of each
 * response, and with it which calls to wait for. With others a step ends when a call is open and nothing more comes.
 */
import type * as CodexError from "effect-codex/CodexError"
import type * as AiError from "effect/ai/AiError"
import { UnknownError } from "effect/ai/AiError"
import type * as Response from "effect/ai/Response"
import * as Telemetry from "effect/ai/Telemetry"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import type { Call } from "./Calls.ts"
import * as Failure from "./Failure.ts"
import type { Draft, Style } from "./Parts.ts"
import type { Conversation, RunningTurn, Threads } from "./Threads.ts"
import * as Ticket from "./Ticket.ts"

/** How long nothing may come before a step with an open call ends, in milliseconds. */
const quiet = 50

/** Waits for the server, which does not follow the clock of a test. */
const silence = Effect.callback<void>((resume) => {
  const timer = setTimeout(() => resume(Effect.void), quiet)
  return Effect.sync(() => clearTimeout(timer))
})

export interface Options {
  readonly method: string
  readonly threads: Threads
  readonly conversation: Conversation
  readonly running: RunningTurn
  readonly style: Style
  readonly call: Call | undefined
  readonly span: Tracer.Span
}

/** Returns the parts of a step. When the last one is emitted, the conversation is idle, parked or closed. */
export const parts = (options: Options): Stream.Stream<Response.StreamPartEncoded, AiError.AiError> => {
  const { conversation, method, running, style, threads } = options
  const { asked, incoming, turn, usage } = running
  const { thread } = conversation

  const stamped = ({ entry, part }: Draft): Effect.Effect<Response.StreamPartEncoded> => {
    if (entry === undefined) return Effect.succeed(part)
    return Effect.map(Ticket.next(conversation.head, entry), (head) => {
      conversation.head = head
      const ticket = { threadId: thread.id, turnId: turn.id, head }
      if (part.type === "text-end") return { ...part, metadata: { codex: ticket } }
      return part.type === "tool-call" && part.providerExecuted !== true
        ? { ...part, metadata: { codex: { ...ticket, parked: true } } }
        : part
    })
  }

  const stamp = (drafts: ReadonlyArray<Draft>) => Effect.forEach(drafts, stamped)

  const finish = (reason: "stop" | "tool-calls" | "other", status: string) =>
    Effect.map(stamp([...running.parts.close(), ...asked.flush()]), (closing): Page => {
      const id = `${thread.id}/${turn.id}`
      Telemetry.addGenAIAnnotations(options.span, {
        response: { id, model: thread.model ?? null, finishReasons: [reason] }
      })
      return [[...closing, {
        type: "finish",
        reason,
        usage: usage.take(),
        metadata: { codex: { threadId: thread.id, turnId: turn.id, status, contextWindow: usage.contextWindow } }
      }], Option.none()]
    })

  const failed = (error: Failure.Error) => Effect.fail(Failure.fromCodex(method, error))

  const completed = (status: string): Effect.Effect<Page, AiError.AiError> => {
    conversation.calls.executor = undefined
    if (status === "completed") {
      return Effect.map(finish("stop", status), (page) => {
        threads.rest(conversation)
        return page
      })
    }
    return turn.run.pipe(
      Effect.catch(failed),
      Effect.andThen(finish("other", status)),
      Effect.tap(() => threads.close(conversation))
    )
  }

  const park = Effect.gen(function*() {
    const page = yield* finish("tool-calls", "inProgress")
    if (options.call !== undefined) options.call.parked = { conversation, running }
    yield* threads.park(conversation)
    return page
  })

  const ended = (error: CodexError.TurnStreamError | Cause.Done): Effect.Effect<never, AiError.AiError> =>
    Cause.isDone(error)
      ? Effect.fail(
        Failure.make(method, new UnknownError({ description: `The turn ${turn.id} ended without a completion.` }))
      )
      : failed(error)

  const take = Effect.map(Queue.take(incoming), Option.some)

  /** Takes what comes; nothing if the server is silent. A race with `take` could lose what it has taken. */
  const takeUnlessSilent = Effect.flatMap(
    Effect.raceFirst(Effect.as(Queue.peek(incoming), true), Effect.as(silence, false)),
    (isThere) => isThere ? take : Effect.succeedNone
  )

  const page: Effect.Effect<Page, AiError.AiError> = Effect.suspend(() => {
    const state = style.accepts !== undefined ? "none" : asked.state
    if (state === "all") return park
    return Effect.matchEffect(state === "none" ? take : takeUnlessSilent, {
      onFailure: ended,
      onSuccess: Option.match({
        onNone: () => park,
        onSome: (incoming): Effect.Effect<Page, AiError.AiError> => {
          switch (incoming._tag) {
            case "Drafts":
              return Effect.map(stamp(incoming.drafts()), more)
            case "HandlerFailed":
              return Effect.fail(
                Failure.make(method, new UnknownError({ description: "The handler of a tool failed." }))
              )
            case "Event": {
              const { event } = incoming
              usage.add(event)
              asked.add(event, style.tools)
              if (event.method === "turn/completed") return completed(event.params.turn.status)
              const drafts = running.parts.add(event, style)
              const isAsked = style.accepts === undefined && event.method === "item/started"
                && event.params.item.type === "dynamicToolCall"
              return Effect.map(stamp(isAsked ? asked.inOrder(event.params.item.id, drafts) : drafts), more)
            }
          }
        }
      })
    })
  })

  const first: Response.StreamPartEncoded = {
    type: "response-metadata",
    id: `${thread.id}/${turn.id}`,
    modelId: thread.model
  }
  return Stream.concat(Stream.succeed(first), Stream.paginate(undefined, () => page))
}

/** Parts, and whether more follow. */
type Page = readonly [ReadonlyArray<Response.StreamPartEncoded>, Option.Option<undefined>]

const more = (parts: ReadonlyArray<Response.StreamPartEncoded>): Page => [parts, Option.some(undefined)]
