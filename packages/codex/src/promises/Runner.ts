/**
 * The runner of the Promise API: runs Effects as Promises, and Streams as async iterables, with an AbortSignal.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as References from "effect/References"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"

/** An option of methods that may take long. */
export interface SignalOptions {
  /**
   * Aborts the call. Whatever it does on the server is stopped first, for at most three seconds; then the call rejects with the
   * reason of the signal. Default: none.
   */
  readonly signal?: AbortSignal | undefined
}

/** Warnings go to standard error: standard output belongs to the program. */
const context = Context.make(References.LogToStderr, true)

const runExit = Effect.runPromiseExitWith(context)

/** Runs an Effect. Rejects with its error itself, or with the reason of the signal that interrupted it. */
export const promise = async <A, E>(effect: Effect.Effect<A, E>, signal?: AbortSignal): Promise<A> => {
  signal?.throwIfAborted()
  const exit = await runExit(effect, { signal })
  if (Exit.isSuccess(exit)) return exit.value
  if (Cause.hasInterruptsOnly(exit.cause)) signal?.throwIfAborted()
  throw Cause.squash(exit.cause)
}

/** Fails with the reason of the signal as soon as that is aborted. */
const aborted = (signal: AbortSignal): Effect.Effect<never, unknown> =>
  Effect.callback((resume) => {
    const abort = () => resume(Effect.fail(signal.reason))
    if (signal.aborted) return abort()
    signal.addEventListener("abort", abort, { once: true })
    return Effect.sync(() => signal.removeEventListener("abort", abort))
  })

/** Runs a Stream for each loop over it. Leaving the loop interrupts the Stream. */
export const iterable = <A, E>(stream: Stream.Stream<A, E>, signal?: AbortSignal): AsyncIterable<A> => {
  const bound = signal === undefined ?
    stream :
    Stream.suspend(() =>
      signal.aborted ? Stream.fail<unknown>(signal.reason) : Stream.interruptWhen(stream, aborted(signal))
    )
  return Stream.toAsyncIterableWith(bound, context)
}

/** Acquires a resource that `close` releases. */
export const acquire = async <A, E>(acquisition: Effect.Effect<A, E, Scope.Scope>, signal?: AbortSignal) => {
  const scope = Scope.makeUnsafe()
  let closing: Promise<void> | undefined
  const close = () => closing ??= promise(Scope.close(scope, Exit.void))
  const resource = await promise(
    Effect.onError(Scope.provide(acquisition, scope), (cause) => Scope.close(scope, Exit.failCause(cause))),
    signal
  )
  return { resource, close, [Symbol.asyncDispose]: close }
}
