/**
 * The notifications of one connection, handed to the processes and watches that they belong to. A layer has one subscription
 * at a time, whatever it runs; after a restart of the server the next use opens another.
 */
import type * as CodexClient from "effect-codex/CodexClient"
import * as CodexError from "effect-codex/CodexError"
import type * as Notification from "effect-codex/Notification"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import * as base64 from "./base64.ts"

/** An output stream of a process. */
export type OutputStream = "stdout" | "stderr"

/** The receiver of what the server reports on one handle. All methods run synchronously. */
export interface Receiver {
  readonly output?: (stream: OutputStream, bytes: Uint8Array) => void
  readonly exited?: (code: number) => void
  readonly changed?: (paths: ReadonlyArray<string>) => void
  /** The connection is lost; nothing follows. */
  readonly lost: (error: CodexError.CodexConnectionError) => void
}

/** Handles are ours to choose. They differ between programs and layers that share a client. */
const prefix = `effect-codex-platform-${randomBytes(6).toString("hex")}`

let handles = 0

/** The receivers of one connection. */
export class Subscription {
  private readonly receivers = new Map<string, Receiver>()
  private failure: CodexError.CodexConnectionError | undefined

  /** Whether all notifications that have arrived are delivered. */
  isIdle = false

  /** Adds a receiver before the request that needs it is sent. Returns its handle. */
  add(receiver: Receiver): string {
    const handle = `${prefix}-${++handles}`
    if (this.failure === undefined) this.receivers.set(handle, receiver)
    else receiver.lost(this.failure)
    return handle
  }

  remove(handle: string): void {
    this.receivers.delete(handle)
  }

  get isLost(): boolean {
    return this.failure !== undefined
  }

  /** Waits until the notifications that arrived before now are delivered. A response overtakes them. */
  readonly settled: Effect.Effect<void> = Effect.gen({ self: this }, function*() {
    // They were queued as tasks before the response resumed its fiber: the first yield lets them run.
    do yield* Effect.yieldNow
    while (!this.isIdle && !this.isLost)
  })

  /**
   * Runs a request on this connection. Its failure overtakes the end of the notifications: whoever sees it must not get this
   * subscription again.
   */
  request<A>(request: Effect.Effect<A, CodexError.RequestError>): Effect.Effect<A, CodexError.RequestError> {
    return Effect.tapError(request, (error) =>
      error._tag === "CodexConnectionError"
        ? Effect.andThen(this.settled, Effect.sync(() => this.lose(error)))
        : Effect.void)
  }

  deliver(notifications: ReadonlyArray<Notification.Notification>): void {
    for (const notification of notifications) this.deliverOne(notification)
  }

  private deliverOne(notification: Notification.Notification): void {
    switch (notification.method) {
      case "process/outputDelta": {
        const { deltaBase64, processHandle, stream } = notification.params
        this.output(processHandle, stream, deltaBase64)
        break
      }
      case "command/exec/outputDelta": {
        const { deltaBase64, processId, stream } = notification.params
        this.output(processId, stream, deltaBase64)
        break
      }
      case "process/exited": {
        const { exitCode, processHandle } = notification.params
        this.receivers.get(processHandle)?.exited?.(exitCode)
        break
      }
      case "fs/changed":
        this.receivers.get(notification.params.watchId)?.changed?.(notification.params.changedPaths)
        break
    }
  }

  private output(handle: string, stream: string, deltaBase64: string): void {
    const receiver = this.receivers.get(handle)
    if (receiver?.output !== undefined) {
      receiver.output(stream === "stderr" ? "stderr" : "stdout", base64.decode(deltaBase64))
    }
  }

  lose(error: CodexError.CodexConnectionError): void {
    if (this.failure !== undefined) return
    this.failure = error
    const receivers = [...this.receivers.values()]
    this.receivers.clear()
    for (const receiver of receivers) receiver.lost(error)
  }
}

/**
 * Returns an Effect of the subscription to the present connection. It waits while the server is being started again, and fails
 * if no connection will come. The scope ends the subscription.
 */
export const make = Effect.fnUntraced(function*(
  client: CodexClient.CodexClient["Service"]
): Effect.fn.Return<Effect.Effect<Subscription, CodexError.RequestError>, never, Scope.Scope> {
  // What was acquired later, and needs the notifications, is released before they end.
  const scope = yield* Scope.fork(yield* Effect.scope)
  const closed = new CodexError.CodexConnectionError({ reason: { _tag: "Closed" } })
  let current: Subscription | undefined
  let isClosed = false
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      isClosed = true
      current?.lose(closed)
    })
  )

  const open = () => {
    const subscription = new Subscription()
    current = subscription
    const read = client.notifications.pipe(
      Stream.toPull,
      Effect.flatMap((pull) =>
        Effect.forever(Effect.flatMap(
          Effect.suspend(() => {
            subscription.isIdle = true
            return pull
          }),
          (batch) =>
            Effect.sync(() => {
              subscription.isIdle = false
              subscription.deliver(batch)
            })
        ))
      ),
      Effect.scoped
    )
    const reading = Effect.onExit(read, (exit) =>
      Effect.sync(() => {
        const error = Exit.isFailure(exit)
          ? exit.cause.reasons.find((reason) => reason._tag === "Fail")?.error
          : undefined
        subscription.lose(error instanceof CodexError.CodexConnectionError ? error : closed)
      }))
    // Over a socket the notifications go on after a reconnect; the processes and watches of the lost connection do not.
    const watching = client.connection.pipe(
      Stream.filter(({ _tag }) => _tag !== "Connected"),
      Stream.runHead,
      Effect.flatMap((state) =>
        Effect.andThen(
          subscription.settled,
          Effect.sync(() => {
            const error = Option.isSome(state) && state.value._tag === "Lost" ? state.value.error : closed
            subscription.lose(error)
          })
        )
      )
    )
    return Effect.gen(function*() {
      const reader = yield* Effect.forkIn(Effect.ignore(reading), scope, { startImmediately: true })
      yield* Effect.forkIn(Effect.ensuring(watching, Fiber.interrupt(reader)), scope, { startImmediately: true })
      return subscription
    })
  }

  const live = (orElse: () => Effect.Effect<Subscription, CodexError.RequestError>) =>
    Effect.suspend(() => {
      if (isClosed) return Effect.fail(closed)
      return current === undefined || current.isLost ? orElse() : Effect.succeed(current)
    })

  return live(() => Effect.andThen(client.connected, live(open)))
})
