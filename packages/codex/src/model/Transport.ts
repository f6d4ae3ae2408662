/**
 * A duplex of JSON messages: the way from a client to its app-server.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Codec, codec, Lines } from "../base/Lines.ts"
import type { Hide } from "../base/secrets.ts"
import { CodexConnectionError, type ConnectError } from "./CodexError.ts"

/**
 * Takes messages, JSON texts, in the order in which they arrived. Never throws.
 *
 * It returns an Effect if it needs time. The transport runs that Effect before it hands over more, and meanwhile pauses its
 * source, if the source can be paused.
 *
 * @category models
 */
export type Accept = (messages: ReadonlyArray<string>) => Effect.Effect<void> | undefined

/**
 * One connection, alive until its scope closes.
 *
 * @category models
 */
export interface Connection {
  /**
   * Hands over what arrives, from a plain callback if it likes, until the connection ends. Run once. Never succeeds: it
   * fails with the way the connection ended, after it has handed over everything that had arrived.
   *
   * A transport that has a Stream of messages passes it to {@link receiveStream}.
   */
  readonly receive: (accept: Accept) => Effect.Effect<never, CodexConnectionError>
  /** Sends one message: a JSON text without line breaks. Does not wait until it is read. */
  readonly send: (message: string) => Effect.Effect<void, CodexConnectionError>
  /** The program or address of the server, as errors name it. Default: `codex app-server`. */
  readonly target?: string | undefined
  /**
   * Whether other clients are connected to the same server. The server then asks all of them, and this client answers only
   * requests of its own threads and of their sub-agents. Default: false.
   */
  readonly isShared?: boolean | undefined
  /** Replaces the secrets that this connection was given, such as a token, before a text goes into an error. */
  readonly hide?: Hide | undefined
}

/**
 * The way to an app-server.
 *
 * @category services
 */
export class Transport extends Context.Service<Transport, {
  /** Opens a connection. Closing the scope ends it: when that has returned, nothing of the connection is left. */
  readonly connect: Effect.Effect<Connection, ConnectError, Scope.Scope>
  /**
   * Tells what there is at a path on the server's machine. Left out where only the server can know: then paths are sent
   * unchecked. Relative paths are relative to the working directory of the server.
   */
  readonly look?: ((path: string) => PathKind) | undefined
}>()("effect-codex/Transport") {}

/** The kinds of what there is at a path; `"empty"` for a file without content, `"hidden"` if it cannot be seen. */
export type PathKind = "file" | "empty" | "directory" | "other" | "missing" | "hidden"

/**
 * The `receive` of a connection that has its messages as a Stream, one JSON text each. The Stream fails with the way the
 * connection ended; one that just ends is a connection that was lost.
 *
 * @category combinators
 */
export const receiveStream =
  (messages: Stream.Stream<string, CodexConnectionError>): Connection["receive"] => (accept) =>
    Effect.andThen(
      Stream.runForEachArray(messages, (texts) => accept(texts) ?? Effect.void),
      Effect.suspend(() => Effect.fail(new CodexConnectionError({ reason: { _tag: "Disconnected" } })))
    )

/** The longest text that V8 can hold, in bytes of ASCII. */
const maxMessage = 2 ** 29 - 24

/** @internal Splits bytes into messages, one a line, and hands them over. A message that is too long fails. */
export const splitMessages = <B extends Uint8Array>(codec: Codec<B>, accept: Accept) => {
  const lines = new Lines(codec, maxMessage)
  const hand = (messages: ReadonlyArray<string>) => messages.length === 0 ? undefined : accept(messages)
  return {
    push: (piece: B): Effect.Effect<void, CodexConnectionError> | undefined => {
      const busy = hand(lines.push(piece))
      return lines.isCut ? Effect.andThen(busy ?? Effect.void, Effect.fail(tooLong())) : busy
    },
    /** Hands over the message that has begun, now that nothing follows. */
    end: (): Effect.Effect<void> => Effect.suspend(() => hand(lines.end()) ?? Effect.void)
  }
}

const tooLong = () =>
  new CodexConnectionError({
    reason: { _tag: "Unreadable", detail: `a message of more than ${maxMessage} bytes, which no string can hold` }
  })

/** After this side has closed, nothing can be sent and nothing arrives. */
const closed = () => new CodexConnectionError({ reason: { _tag: "Closed" } })

/**
 * The server's end of a connection in memory.
 *
 * @category models
 */
export interface MemoryServer {
  /** The client's messages, one JSON text each; ends when the client has gone. */
  readonly messages: Stream.Stream<string>
  /** Writes to the client: text or bytes, in any pieces; a line feed ends a message. */
  readonly write: (data: string | Uint8Array) => Effect.Effect<void>
  /** Ends the connection, as a server does that is gone. */
  readonly close: (error?: CodexConnectionError) => Effect.Effect<void>
}

/**
 * A server in this program: `serve` runs for each connection, in its scope; if it dies, the connection does. For tests, and
 * for what a real server cannot be made to do.
 *
 * @category layers
 */
export const layerMemory = <R = never>(
  serve: (server: MemoryServer) => Effect.Effect<void, never, R>
): Layer.Layer<Transport, never, R> =>
  Layer.effect(
    Transport,
    Effect.gen(function*() {
      const context = yield* Effect.context<R>()
      return Transport.of({
        connect: Effect.gen(function*() {
          const toServer = yield* Queue.unbounded<string, Cause.Done>()
          const toClient = yield* Queue.unbounded<Uint8Array, CodexConnectionError | Cause.Done>()
          const end = yield* Deferred.make<never, CodexConnectionError>()
          const encoder = new TextEncoder()
          const close = (error: CodexConnectionError) =>
            Effect.all([Deferred.fail(end, error), Queue.end(toClient), Queue.end(toServer)], { discard: true })
          yield* Effect.addFinalizer(() => close(closed()))
          yield* serve({
            messages: Stream.fromQueue(toServer),
            write: (data) =>
              Effect.asVoid(Queue.offer(toClient, typeof data === "string" ? encoder.encode(data) : data)),
            close: (error) => close(error ?? new CodexConnectionError({ reason: { _tag: "Disconnected" } }))
          }).pipe(
            Effect.catchDefect((cause) => close(new CodexConnectionError({ reason: { _tag: "Disconnected" }, cause }))),
            Effect.provideContext(context),
            Effect.forkScoped
          )
          return {
            receive: (accept) =>
              Effect.suspend(() => {
                const messages = splitMessages(codec, accept)
                return Stream.fromQueue(toClient).pipe(
                  Stream.runForEach((piece) => messages.push(piece) ?? Effect.void),
                  Effect.andThen(messages.end()),
                  Effect.andThen(Deferred.await(end))
                )
              }),
            send: (message) =>
              Effect.suspend(() =>
                Queue.offerUnsafe(toServer, message) ? Effect.void : Effect.flatten(Deferred.await(end))
              )
          } satisfies Connection
        })
      })
    })
  )
