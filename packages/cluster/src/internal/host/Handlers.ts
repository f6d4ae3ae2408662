/**
 * The handlers of one activation: what the entity of a thread answers to each request.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type { Input } from "effect-codex/Input"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type HostedError, ThreadUnavailableError } from "../model/errors.ts"
import { checkNames } from "../model/names.ts"
import { fromWire } from "../model/options.ts"
import type { Cursor, Location, OnCutOff, RunAnswer, WireEvents } from "../model/rpcs.ts"
import { type Activation, durably, outlast } from "./Activation.ts"
import * as Opening from "./Opening.ts"
import type { Requests } from "./Requests.ts"
import * as Runs from "./Runs.ts"

/** The methods of a thread on its runner. */
export interface Handlers {
  readonly run: (request: {
    readonly turnKey: string
    readonly input: unknown
    readonly options: unknown
    readonly onCutOff: OnCutOff
  }) => Effect.Effect<RunAnswer, HostedError>
  readonly events: (from: Cursor | null, turnKey: string | null) => Stream.Stream<WireEvents, HostedError>
  readonly steer: (turnKey: string | null, input: unknown) => Effect.Effect<void, HostedError>
  readonly interrupt: (turnKey: string | null) => Effect.Effect<void, HostedError>
  readonly read: (includeTurns: boolean) => Effect.Effect<Protocol.Thread, HostedError>
  readonly answer: (requestId: string, answer: unknown) => Effect.Effect<boolean, HostedError>
  readonly where: Effect.Effect<Location, HostedError>
}

/** Creates the handlers of an activation. */
export const make = Effect.fnUntraced(function*(activation: Activation, requests: Requests | undefined) {
  const { index, log, name, runner } = activation
  const opening = yield* Opening.make(activation)
  const runs = yield* Runs.make(activation, opening)

  /** Opens a thread that has had a turn, so that its consumers learn its current epoch. */
  const openIfBegun = Effect.suspend(() =>
    opening.current() !== undefined ? Effect.void : Effect.flatMap(
      durably(index.get(name)),
      (thread) => thread === undefined || thread.progress === "new" ? Effect.void : Effect.asVoid(opening.get)
    )
  )

  /** The id and the epoch of the thread: an open one is not looked up. */
  const known = Effect.suspend(() => {
    const opened = opening.current()
    return opened !== undefined
      ? Effect.succeed({ threadId: opened.thread.id, epoch: opened.epoch })
      : Effect.map(durably(index.get(name)), (row) => ({ threadId: row?.threadId ?? null, epoch: row?.epoch ?? 0 }))
  })

  /** Fails for a name or a key that the databases cannot hold: their errors would be retried for ever. */
  const checked = (turnKey: string | null = null) => checkNames(name, turnKey)

  const handlers: Handlers = {
    // The SDK checks input and options, whatever the client has sent.
    run: ({ input, options, ...asked }) =>
      checked(asked.turnKey).pipe(
        Effect.andThen(fromWire(options)),
        Effect.flatMap((options) => runs.run({ ...asked, input: input as Input, options }))
      ),
    events: (from, turnKey) =>
      Stream.unwrap(Effect.as(Effect.andThen(checked(turnKey), outlast(openIfBegun)), log.follow(from, turnKey))),
    steer: (turnKey, input) =>
      Effect.flatMap(checked(turnKey), (): Effect.Effect<void, HostedError> => {
        const running = runs.running()
        return running === undefined || (turnKey !== null && turnKey !== running.turnKey)
          ? Effect.fail(new ThreadUnavailableError({ thread: name, reason: "NotRunning" }))
          : Effect.flatMap(running.turn, (turn) => turn.steer(input as Input))
      }),
    interrupt: (turnKey) => Effect.andThen(checked(turnKey), runs.interrupt(turnKey)),
    read: (includeTurns) =>
      checked().pipe(
        Effect.andThen(opening.get),
        Effect.flatMap(({ thread }) => thread.read({ includeTurns }))
      ),
    answer: (requestId, answer) =>
      Effect.andThen(checked(), requests?.answer(requestId, answer) ?? Effect.succeed(false)),
    where: Effect.map(Effect.andThen(checked(), known), ({ epoch, threadId }): Location => {
      const { detail, state } = opening.step()
      const turnKey = runs.running()?.turnKey ?? null
      return {
        runner,
        threadId,
        epoch,
        state: state !== "open" ? state : turnKey === null ? "idle" : "running",
        turnKey,
        queued: runs.queued(),
        detail
      }
    })
  }
  return handlers
})
