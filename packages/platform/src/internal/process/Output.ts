/**
 * The output of one process that nobody has read yet, and the control of its flow: above a mark the process is stopped, below a
 * quarter of it the process goes on.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as PlatformError from "effect/PlatformError"
import type * as Pull from "effect/Pull"
import * as Stream from "effect/Stream"

type Chunks = readonly [Uint8Array, ...Array<Uint8Array>]

/** The end of an output: `undefined` if it is complete. */
type End = { readonly error: PlatformError.PlatformError | undefined }

/** The unread bytes of one output stream. */
export class Channel {
  private readonly flow: Flow
  private chunks: Array<Uint8Array> = []
  private size = 0
  private ended: End | undefined
  private readonly waiting = new Set<() => void>()

  constructor(flow: Flow) {
    this.flow = flow
  }

  push(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.ended !== undefined) return
    this.chunks.push(bytes)
    this.size += bytes.length
    this.flow.arrived(bytes.length)
    this.wake()
  }

  /** Ends the stream after what is unread. */
  end(error?: PlatformError.PlatformError): void {
    if (this.ended !== undefined) return
    this.ended = { error }
    this.wake()
  }

  /** Drops what is unread. */
  discard(): void {
    this.flow.taken(this.size)
    this.chunks = []
    this.size = 0
  }

  private wake(): void {
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const resume of waiting) resume()
  }

  private take(): Pull.Pull<Chunks, PlatformError.PlatformError> | undefined {
    const [first, ...others] = this.chunks
    if (first === undefined) {
      if (this.ended === undefined) return undefined
      return this.ended.error === undefined ? Cause.done() : Effect.fail(this.ended.error)
    }
    this.discard()
    return Effect.succeed<Chunks>([first, ...others])
  }

  private readonly pull: Pull.Pull<Chunks, PlatformError.PlatformError> = Effect.suspend(() =>
    this.take() ?? Effect.flatMap(
      Effect.callback<void>((resume) => {
        const proceed = () => resume(Effect.void)
        this.waiting.add(proceed)
        return Effect.sync(() => this.waiting.delete(proceed))
      }),
      () => this.pull
    )
  )

  /** The bytes from the first that nobody has read. */
  readonly stream: Stream.Stream<Uint8Array, PlatformError.PlatformError> = Stream.fromPull(
    Effect.sync(() => this.pull)
  )
}

/** Limits of unread output, in bytes. */
export interface Limits {
  /** Above this mark the process is stopped. */
  readonly highWater: number
  /** Above this mark a process that cannot be stopped is killed. */
  readonly maxUnread: number
}

/** Stops a process, or continues it. */
export type Pause = (stop: boolean) => Effect.Effect<void>

/** The flow of all outputs of one process. */
export class Flow {
  private readonly limits: Limits
  private readonly fork: (effect: Effect.Effect<void>) => void
  private unread = 0
  /** Whether the process should be stopped, and whether it is. */
  private isStopWanted = false
  private isStopped = false
  private isBusy = false
  private pause: Pause | undefined
  private isReleased = false
  private hasOverflowed = false

  /** Runs once when more than `maxUnread` is unread of a process that cannot be stopped. */
  onOverflow: () => void = () => {}

  constructor(limits: Limits, fork: (effect: Effect.Effect<void>) => void) {
    this.limits = limits
    this.fork = fork
  }

  /** Sets how the process is stopped and continued. */
  control(pause: Pause): void {
    this.pause = pause
  }

  /** Lets the process run, whatever is unread: it has been told to end, and must be able to. */
  release(): void {
    this.isReleased = true
    this.isStopWanted = false
    this.apply()
  }

  arrived(bytes: number): void {
    this.unread += bytes
    if (this.pause === undefined || this.isReleased) {
      if (this.unread <= this.limits.maxUnread || this.hasOverflowed) return
      this.hasOverflowed = true
      this.onOverflow()
    } else if (!this.isStopWanted && this.unread > this.limits.highWater) {
      this.isStopWanted = true
      this.apply()
    }
  }

  taken(bytes: number): void {
    this.unread -= bytes
    if (!this.isStopWanted || this.unread > this.limits.highWater / 4) return
    this.isStopWanted = false
    this.apply()
  }

  /** Brings the process into the wanted state, one signal after the other. */
  private apply(): void {
    const { pause } = this
    if (this.isBusy || pause === undefined) return
    this.isBusy = true
    this.fork(Effect.whileLoop({
      while: () => this.isBusy = this.isStopWanted !== this.isStopped,
      body: () => {
        this.isStopped = this.isStopWanted
        return pause(this.isStopped)
      },
      step: () => {}
    }))
  }
}
