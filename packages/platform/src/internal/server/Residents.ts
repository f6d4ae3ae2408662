/**
 * Resident programs: helpers of this package that stay on the server's machine, so that an operation costs a message instead of
 * a process. They end with the layer, and with the connection.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { type Fault, HelperEnded } from "./Fault.ts"
import type { Program, RemoteProcess, Runner } from "./RemoteProcess.ts"

/** The process of a helper. */
export interface HelperProcess {
  /**
   * Writes to its standard input. The server refuses that as soon as the process has ended, perhaps before it reports the end: a
   * refusal fails with the end of the process.
   */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void, Fault>
  readonly terminate: RemoteProcess["terminate"]
}

/** A helper as its pool sees it. */
export interface Resident {
  /** Takes what the helper prints. */
  readonly receive: (bytes: Uint8Array) => void
  /** The helper is gone: whoever waits for it fails with this. */
  readonly end: (fault: Fault) => void
}

/** Starts helpers. */
export interface Residents {
  readonly start: (resident: Resident, program: Omit<Program, "stdin">) => Effect.Effect<HelperProcess, Fault>
}

/** Makes a starter of helpers, all of which end with the scope. */
export const make = Effect.fnUntraced(function*(runner: Runner): Effect.fn.Return<Residents, never, Scope.Scope> {
  const running = new Map<RemoteProcess, Resident>()
  const closed = new HelperEnded({ detail: "the layer that this file or process belongs to is closed" })
  let isClosed = false
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosed = true
      for (const resident of running.values()) resident.end(closed)
      return Effect.forEach(running.keys(), ({ terminate }) => Effect.ignore(Effect.timeout(terminate, "1 second")), {
        concurrency: "unbounded",
        discard: true
      })
    })
  )
  return {
    start: (resident, program) =>
      Effect.uninterruptible(Effect.gen(function*() {
        if (isClosed) return yield* closed
        const process = yield* runner.start({ ...program, stdin: true }, (stream, bytes) => {
          // Standard error holds warnings of the interpreter at most.
          if (stream === "stdout") resident.receive(bytes)
        })
        running.set(process, resident)
        const ended = Effect.map(
          Effect.exit(Deferred.await(process.exit)),
          (exit) => faultOf(exit, program.command[0] ?? "")
        )
        yield* ended.pipe(
          Effect.flatMap((fault) =>
            Effect.sync(() => {
              running.delete(process)
              resident.end(fault)
            })
          ),
          Effect.forkDetach
        )
        const { terminate } = process
        return {
          terminate,
          write: (bytes) =>
            Effect.catchTag(
              process.write(bytes),
              "CodexRpcError",
              // A process that is still there, but cannot be written to, is of no use.
              () => Effect.andThen(Effect.ignore(terminate), Effect.flatMap(ended, Effect.fail))
            )
        }
      }))
  }
})

const faultOf = (exit: Exit.Exit<number, Fault>, name: string): Fault => {
  if (Exit.isSuccess(exit)) return new HelperEnded({ detail: `the helper ${name} ended with exit code ${exit.value}` })
  const failure = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  return failure?.error ?? new HelperEnded({ detail: `the helper ${name} was interrupted` })
}
