/**
 * The contract of transports: a two-way connection for JSON messages between a client and its app-server.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Codec, codec, Lines } from "../../base/Lines.ts"
import type { RealPath } from "../../base/paths.ts"
import type { Hide } from "../../base/secrets.ts"
import { CodexConnectionError, type ConnectError } from "../errors/CodexError.ts"

/**
 * Accepts messages, as JSON texts, in the order in which they arrived. Never throws.
 *
 * Returns an Effect if it needs time. The transport then runs that Effect before it passes on further messages, and pauses its
 * source meanwhile if it can.
 *
 * @category models
 */
export type Accept = (messages: ReadonlyArray<string>) => Effect.Effect<void> | undefined

/**
 * One connection. It lasts until its scope closes.
 *
 * @category models
 */
export interface Connection {
  /**
   * Passes arriving messages to `accept` until the connection ends. It may call `accept` from a plain callback. The client runs
   * it once. It never succeeds: it fails with the reason why the connection ended, after it has passed on all messages.
   *
   * A transport with a Stream of messages can use {@link receiveStream}.
   */
  readonly receive: (accept: Accept) => Effect.Effect<never, CodexConnectionError>
  /** Sends one message, a JSON text without line breaks. Does not wait until the server reads it. */
  readonly send: (message: string) => Effect.Effect<void, CodexConnectionError>
  /** The program or address of the server, for error messages. Default: `codex app-server`. */
  readonly target?: string | undefined
  /**
   * True if other clients use the same server. The server sends its requests to all of them, so this client then answers only
   * requests of its own threads and their sub-agents. Default: false.
   */
  readonly isShared?: boolean | undefined
  /**
   * True if the server keeps running without this connection: its threads stay loaded and their turns continue. The client then
   * reconnects without losing them, and interrupts its turns when its scope closes unless `detach` is set. Default: false.
   */
  readonly serverContinues?: boolean | undefined
  /** The version that the server must report in the handshake; with another one, connecting fails. Default: any version. */
  readonly serverVersion?: string | undefined
  /** The longest message that the server accepts, in bytes. A longer one fails before it is sent. Default: no limit. */
  readonly maxMessageBytes?: number | undefined
  /** Replaces the secrets of this connection, such as a token, in the texts of errors. */
  readonly hide?: Hide | undefined
}

/**
 * A way to connect to an app-server.
 *
 * @category services
 */
export class Transport extends Context.Service<Transport, {
  /** Opens a connection. Closing the scope ends it, and returns when nothing of it is left. */
  readonly connect: Effect.Effect<Connection, ConnectError, Scope.Scope>
  /** The program or address of the server, as errors name it. Default: `codex app-server`. */
  readonly target?: string | undefined
  /**
   * Returns the kind of file at a path on the server's machine. Relative paths are relative to the working directory of the
   * server. A transport that cannot look leaves this out, and paths are then sent unchecked.
   */
  readonly look?: ((path: string) => PathKind) | undefined
  /** Follows the links of a path on the server's machine, for approval rules. A transport that cannot look leaves this out. */
  readonly realPath?: RealPath | undefined
  /**
   * The working directory of threads that are started without `cwd`, as an absolute path. Default: that of the server.
   */
  readonly directory?: string | undefined
}>()("effect-codex/Transport") {}

/**
 * The kind of file at a path: `"empty"` for a file without content, `"hidden"` if it cannot be inspected, `"relative"` for a
 * relative path to a server whose working directory is not known.
 *
 * @category models
 */
export type PathKind = "file" | "empty" | "directory" | "other" | "missing" | "hidden" | "relative"

/**
 * Creates the `receive` of a connection from a Stream of messages, one JSON text each. The Stream fails with the reason why the
 * connection ended. If it just ends, `receive` fails with reason `Disconnected`.
 *
 * @category combinators
 */
export const receiveStream =
  (messages: Stream.Stream<string, CodexConnectionError>): Connection["receive"] => (accept) =>
    Effect.andThen(
      Stream.runForEachArray(messages, (texts) => accept(texts) ?? Effect.void),
      Effect.suspend(() => Effect.fail(new CodexConnectionError({ reason: { _tag: "Disconnected" } })))
    )

/** @internal The longest string that V8 supports, in ASCII bytes. */
export const maxMessage = 2 ** 29 - 24

/** @internal Splits bytes into messages, one per line, and passes them on. Fails for a message that is too long. */
export const splitMessages = <B extends Uint8Array>(codec: Codec<B>, accept: Accept) => {
  const lines = new Lines(codec, maxMessage)
  const hand = (messages: ReadonlyArray<string>) => messages.length === 0 ? undefined : accept(messages)
  return {
    push: (piece: B): Effect.Effect<void, CodexConnectionError> | undefined => {
      const busy = hand(lines.push(piece))
      return lines.isCut ? Effect.andThen(busy ?? Effect.void, Effect.fail(tooLong())) : busy
    },
    /** Passes on the unfinished message, at the end of the input. */
    end: (): Effect.Effect<void> => Effect.suspend(() => hand(lines.end()) ?? Effect.void)
  }
}

const tooLong = () =>
  new CodexConnectionError({
    reason: { _tag: "Unreadable", detail: `a message of more than ${maxMessage} bytes, which is too long for a string` }
  })

/** The error of a connection that this side has closed. */
const closed = () => new CodexConnectionError({ reason: { _tag: "Closed" } })

/**
 * The server's end of a connection in memory.
 *
 * @category models
 */
export interface MemoryServer {
  /** The client's messages, one JSON text each. Ends when the client disconnects. */
  readonly messages: Stream.Stream<string>
  /** Writes text or bytes to the client, in pieces of any size. A line feed ends a message. */
  readonly write: (data: string | Uint8Array) => Effect.Effect<void>
  /** Ends the connection, as if the server were gone. Default of `error`: reason `Disconnected`. */
  readonly close: (error?: CodexConnectionError) => Effect.Effect<void>
}

/**
 * A Transport to a server in this program. `serve` runs for each connection, in its scope; if it dies, the connection ends. Use
 * it in tests, for behaviour that a real server does not show.
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
