/**
 * The turns of one thread: each starts when the thread is free, loaded, and within the permissions of the turn.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { newId } from "../base/ids.ts"
import { isAtLeast } from "../model/connection/ServerVersion.ts"
import { InvalidInputError, type StartTurnError } from "../model/errors/CodexError.ts"
import * as Limits from "../model/turns/Limits.ts"
import * as Settings from "../model/turns/Settings.ts"
import { type Input, toTurnParams } from "../options/Input.ts"
import * as Params from "../options/params.ts"
import { supported } from "../options/supported.ts"
import type { Buffer, TurnOptions } from "../options/TurnOptions.ts"
import { coalescing, sliding } from "../wire/eventBuffer.ts"
import * as OptionsInForce from "../wire/OptionsInForce.ts"
import type { StartedTurn } from "../wire/Router.ts"
import type { Agent } from "../wire/Telemetry.ts"
import type { AcquiredThread, ThreadRequest } from "../wire/TurnStarts.ts"
import type { Services } from "./Services.ts"

/** A turn, as far as the lock of the thread needs to know it. */
type Request = Omit<ThreadRequest, "threadId" | "agent" | "limits">

/** The options of a turn that apply to its end. */
type StopOptions = Pick<TurnOptions, "limits" | "subagents">

/**
 * Returns the functions that start turns on a thread that is loaded in the connected server, or that the caller assumes to be
 * loaded. `agent` identifies the agent that runs them in spans and metrics.
 */
export const make = ({ client, router }: Services, id: string, agent: Agent) => {
  /** The model of the last turn. It also applies to later ones. */
  let { model } = agent

  const { family } = router

  /** The thread and those from which it derives, with what is bound to them: the family forgets them when they are closed. */
  let lineage = family.lineage(id).members
  const known = () => {
    const [before] = lineage
    const member = family.get(id)
    if (before === undefined || member === before || member?.isOpened === true) lineage = family.lineage(id).members
    return lineage
  }

  /** The number of the connection in which the thread is loaded. */
  let loaded = client.connections()

  /** Returns true if the server has the thread loaded on this connection, and sends its events. */
  const isLoaded = (connection: number): boolean => loaded === connection && client.isSubscribed(id)

  /**
   * Resumes the thread. A restarted server has no threads loaded, and after `thread/unsubscribe` or on a new connection it sends no
   * events. Returns false for a thread that is loaded and has no turn yet: the server does not resume it before its first turn.
   */
  const load = (connection: number): Effect.Effect<boolean, StartTurnError> =>
    Effect.gen(function*() {
      const [before] = known()
      const undo = family.restore(id, lineage)
      const response = yield* client.request("thread/resume", {
        ...OptionsInForce.withoutTurns(client.metadata.serverVersion),
        threadId: id,
        // The server stores all other options.
        config: before?.openedWith.config
      }).pipe(
        Effect.catchIf(
          (error) => client.survives() && error._tag === "CodexRpcError" && error.reason._tag === "ThreadNotFound",
          (error) =>
            client.request("thread/read", { threadId: id }).pipe(
              Effect.flatMap(({ thread }) => thread.ephemeral ? Effect.fail(error) : Effect.succeed(undefined)),
              Effect.catchTag("CodexRpcError", () => Effect.fail(error))
            )
        ),
        Effect.onError(() => Effect.sync(undo))
      )
      if (response === undefined) return false
      const inherited = before?.settings
      const changes = yield* OptionsInForce.bring(client.request, {}, response, { wasLoaded: false, inherited })
      // The notification that it was closed may have arrived meanwhile.
      family.restore(id, lineage)
      const member = family.open(response.thread)
      member.settings = Settings.update(Settings.update(inherited, response), changes)
      loaded = connection
      return true
    })

  /** Starts a turn once the thread is free and loaded, and its sub-agents are within the permissions of the turn. */
  const startOn = (
    request: Request,
    start: (thread: AcquiredThread) => Effect.Effect<StartedTurn, StartTurnError, Scope.Scope>,
    { limits, subagents }: StopOptions = {},
    params: object = {}
  ): Effect.Effect<StartedTurn, StartTurnError, Scope.Scope> =>
    Effect.flatMap(
      client.turns.acquire({
        ...request,
        threadId: id,
        agent: { ...agent, model },
        limits: Limits.resolve([limits, ...known().map(({ limits }) => limits), client.limits])
      }),
      (thread) => {
        let stopped = 0
        const connected = Effect.catch(client.connected, (error) => thread.prepare(Effect.fail(error)))
        const narrowed = Effect.map(client.subagents.narrow(id, params), (count) => {
          stopped += count
        })
        const attempt: Effect.Effect<StartedTurn, StartTurnError, Scope.Scope> = Effect.flatMap(connected, (asked) => {
          const ready = Effect.tap(isLoaded(asked) ? Effect.succeed(true) : load(asked), narrowed)
          const prepared = Effect.catchTag(
            thread.prepare(ready),
            "CodexConnectionError",
            // Nothing of this is the turn: it can be done again.
            (error) => client.survives() ? Effect.succeed(undefined) : Effect.fail(error)
          )
          return Effect.catch(
            Effect.flatMap(prepared, (isSubscribed) => {
              if (isSubscribed === undefined) return Effect.andThen(Effect.yieldNow, attempt)
              return Effect.tap(start(thread), () =>
                // On another connection than the one that loaded the thread, the server may send no events of the turn.
                isSubscribed && asked === client.connections() ? Effect.void : Effect.ignore(client.rejoin(id)))
            }),
            // The server restarted after the thread was loaded, and so refused the turn.
            (error) =>
              error._tag === "CodexRpcError" && error.reason._tag === "ThreadNotFound" && asked !== client.connections()
                ? attempt
                : Effect.fail(error)
          )
        })
        return Effect.map(attempt, (started) => {
          started.turn.stoppedBefore = stopped
          started.turn.leavesSubagents = subagents === "leave"
          return started
        })
      }
    )

  /** A turn by its input. The scope stops it. */
  const start = (
    input: Input,
    options: TurnOptions = {},
    events: boolean
  ): Effect.Effect<StartedTurn, StartTurnError, Scope.Scope> =>
    Effect.gen(function*() {
      // `Effect.runPromise` interrupts after the first step if its signal is aborted already: nothing is sent then.
      yield* Effect.yieldNow
      const what = yield* toTurnParams(input, client.look)
      const how = yield* Params.turnParams(options)
      yield* Params.checkDirectory(options.cwd, client.look)
      const params = yield* supported({ ...how, ...what, threadId: id }, client.metadata.serverVersion)
      model = options.model ?? model
      const { startTimeout: timeout, whenBusy } = options
      if (whenBusy === "steer") {
        const joined = yield* client.turns.join(id, params.input, events)
        if (joined !== undefined) return joined
      }
      const before = family.get(id)?.settings
      const named = withMessageId(params, client.metadata.serverVersion)
      const request = { method: "turn/start", params: named, events, timeout } as const
      const started = yield* startOn(
        { whenBusy: whenBusy === "fail" ? "fail" : "wait", steerable: true },
        (thread) => thread.start(request),
        options,
        params
      )
      bound(started, options.buffer)
      const member = family.ensure(id)
      // Later servers have reported the options in force by now.
      if (member.settings === before) member.settings = Settings.update(before, params)
      return started
    })

  const find = (clientUserMessageId: string): Effect.Effect<StartedTurn | undefined, StartTurnError> =>
    Effect.gen(function*() {
      if (typeof clientUserMessageId !== "string" || clientUserMessageId === "") {
        return yield* new InvalidInputError({ field: "clientUserMessageId", detail: "it is empty, or not a string" })
      }
      yield* supported({ clientUserMessageId }, client.metadata.serverVersion)
      const connection = yield* client.connected
      if (!isLoaded(connection)) yield* load(connection)
      return yield* client.turns.find(
        id,
        clientUserMessageId,
        Limits.resolve([...known().map(({ limits }) => limits), client.limits])
      )
    })

  const begin = (
    starting: Effect.Effect<StartedTurn, StartTurnError>,
    request: Request,
    options?: StopOptions
  ) => startOn(request, (thread) => thread.begin(starting), options)

  const review = (target: Protocol.ReviewTarget) => {
    const request = { method: "review/start", params: { threadId: id, target }, events: true } as const
    // The server does not steer a review.
    return startOn({ steerable: false }, (thread) => thread.start(request))
  }

  return {
    /** A turn by its input. The scope stops it. */
    start,
    /** The turn of an earlier start, which may have been that of another program. It continues without its finder. */
    find,
    /** A turn that the server starts for another reason than a request of its own. The scope stops it. */
    begin,
    /** A review, as a turn. The scope stops it. */
    review
  }
}

/**
 * Names the message of a turn. The server repeats the id in the history of the thread: after a lost connection it tells whether the
 * turn has started.
 */
const withMessageId = (params: Protocol.TurnStartParams, serverVersion: string): Protocol.TurnStartParams =>
  (params.clientUserMessageId ?? null) === null && params.input.length > 0 && isAtLeast(serverVersion, "0.150.0")
    ? { ...params, clientUserMessageId: newId() }
    : params

const bound = ({ turn }: StartedTurn, buffer: Buffer | undefined): void => {
  if (buffer === "coalesce") turn.events?.setBound(coalescing)
  else if (typeof buffer === "object") turn.events?.setBound(sliding(buffer.sliding))
}
