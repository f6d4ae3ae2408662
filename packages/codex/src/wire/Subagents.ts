/**
 * The control of sub-agents: they are interrupted with the turn that they work for, and none runs with wider permissions than that
 * turn.
 */
import * as Effect from "effect/Effect"
import { printable } from "../base/printable.ts"
import type { RequestError } from "../model/errors/CodexError.ts"
import * as ThreadSettings from "../model/turns/Settings.ts"
import type { ChildTurn } from "./ChildTurns.ts"
import type { Family } from "./Family.ts"
import type { Member } from "./Member.ts"

/** Sends a request whose result is not needed. */
export type SendPlain = (method: string, params: unknown) => Effect.Effect<void, RequestError>

export interface Subagents {
  /**
   * Interrupts the sub-agents of these root turns, from the top, and those that start later. `first` interrupts the root
   * turns themselves, before their sub-agents.
   */
  readonly interrupt: <E>(rootIds: ReadonlyArray<string>, first: Effect.Effect<void, E>) => Effect.Effect<void, E>
  /** Waits until no sub-agent of these root turns runs. */
  readonly ended: (rootIds: ReadonlyArray<string>) => Effect.Effect<void>
  /**
   * Brings the sub-agents of a thread within the options that its next turn changes, before that turn starts. Those that
   * run with wider options are interrupted. Returns their number.
   */
  readonly narrow: (threadId: string, options: object) => Effect.Effect<number>
}

/** Sub-agents on one client. */
export const make = ({ family, fork, send }: {
  readonly family: Family
  readonly send: SendPlain
  /** Runs an effect in the background. */
  readonly fork: (effect: Effect.Effect<void>) => void
}): Subagents => {
  const { turns } = family

  /** Turns that are already interrupted. */
  const interrupted = new WeakSet<ChildTurn>()

  const interruptTurn = (turn: ChildTurn): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (interrupted.has(turn)) return Effect.void
      interrupted.add(turn)
      const { threadId, turnId } = turn
      return send("turn/interrupt", { threadId, turnId }).pipe(
        // The turn or the connection has ended by now.
        Effect.catch(() => Effect.sync(() => void interrupted.delete(turn)))
      )
    })

  const isAllowed = (threadId: string): boolean => {
    const outer = family.get(family.rootOf(threadId))?.settings
    return outer === undefined || ThreadSettings.isWithin(family.get(threadId)?.settings, outer)
  }

  const warn = (threadId: string) =>
    Effect.logWarning(printable(
      `Interrupted the sub-agent ${threadId}: it ran with wider permissions than the turn of thread ${
        family.rootOf(threadId)
      } that it works for.`
    ))

  turns.mayRun = ({ threadId }) => isAllowed(threadId)
  turns.onUnwanted = (turn, isStopped) =>
    fork(isStopped ? interruptTurn(turn) : Effect.andThen(interruptTurn(turn), warn(turn.threadId)))

  /** Applies options to an idle sub-agent. Returns false if the server does not accept them. */
  const apply = (child: Member, { approvalPolicy, approvalsReviewer, sandbox }: ThreadSettings.Settings) => {
    const { threadId } = child
    return send("thread/settings/update", { threadId, sandboxPolicy: sandbox, approvalPolicy, approvalsReviewer }).pipe(
      Effect.andThen(Effect.sync(() => {
        child.settings = ThreadSettings.update(child.settings, { sandbox, approvalPolicy, approvalsReviewer })
      })),
      Effect.ignore
    )
  }

  const narrowOne = (child: Member, outer: ThreadSettings.Settings): Effect.Effect<number> =>
    Effect.suspend(() => {
      const running = turns.on(child.threadId)
      // A turn keeps the options with which it has started.
      const interrupting = running === undefined
        ? Effect.succeed(0)
        : Effect.suspend(() => {
          turns.markStopped(child.threadId)
          return Effect.as(Effect.andThen(interruptTurn(running), warn(child.threadId)), 1)
        })
      return Effect.tap(interrupting, apply(child, outer))
    })

  return {
    interrupt: (rootIds, first) =>
      Effect.suspend(() => {
        // This runs before the root turn ends, because its result counts them as stopped.
        for (const rootId of rootIds) turns.stop(rootId)
        const children = Effect.suspend(() =>
          Effect.forEach(rootIds.flatMap((rootId) => turns.stop(rootId)), interruptTurn, {
            concurrency: "unbounded",
            discard: true
          })
        )
        return Effect.ensuring(first, children)
      }),
    ended: (rootIds) =>
      Effect.suspend(() => {
        let releases: ReadonlyArray<() => void> = []
        const release = () => {
          for (const release of releases) release()
          releases = []
        }
        return Effect.callback<void>((resume) => {
          const check = () => {
            if (rootIds.some((rootId) => turns.below(rootId).length > 0)) return
            release()
            resume(Effect.void)
          }
          releases = rootIds.map((rootId) => turns.watch(rootId, { ended: check }))
          check()
          return Effect.sync(release)
        })
      }),
    narrow: (threadId, options) =>
      Effect.suspend(() => {
        const descendants = family.descendants(threadId).filter(({ isLoaded }) => isLoaded)
        if (descendants.length === 0) return Effect.succeed(0)
        const outer = ThreadSettings.update(family.get(threadId)?.settings, options)
        const wider = descendants.filter(({ settings }) => !ThreadSettings.isWithin(settings, outer))
        return Effect.map(
          Effect.forEach(wider, (child) => narrowOne(child, outer)),
          (interrupted) => interrupted.reduce((sum, count) => sum + count, 0)
        )
      })
  }
}
