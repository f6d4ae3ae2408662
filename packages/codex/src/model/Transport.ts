/**
 * A duplex of JSON messages: what a client needs of the way to its app-server.
 *
 * A Transport can be connected again and again, so that a client can restart a lost server. {@link layerStdio} starts a
 * child process for each connection; {@link layerMemory} connects to a server in this program.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Hide } from "../base/secrets.ts"
import { CodexConnectionError, type ConnectError } from "./CodexError.ts"

/**
 * One connection, alive until its scope closes.
 *
 * @category models
 */
export interface Connection {
  /**
   * Incoming messages, one JSON text each, in the chunks in which they arrived. To be run once. It never just ends: it
   * fails with the way in which the connection ended, after everything that had arrived.
   */
  readonly messages: Stream.Stream<string, CodexConnectionError>
  /** Sends one message: a JSON text without line breaks. Does not wait for it to be read. */
  readonly send: (message: string) => Effect.Effect<void, CodexConnectionError>
  /** The program that was started for it, if one was: errors of the handshake name it. */
  readonly program?: string
  /** Replaces the secrets that this connection was given, such as a token, before a text goes into an error. */
  readonly hide?: Hide
}

/**
 * The way to an app-server. Its scope ends the connection: when closing has returned, nothing of it is left.
 *
 * @category services
 */
export class Transport extends Context.Service<Transport, {
  /** Opens a connection. The scope closes it. */
  readonly connect: Effect.Effect<Connection, ConnectError, Scope.Scope>
}>()("effect-codex/Transport") {}

/** @internal Splits bytes into messages: one a line, of any length; characters and lines may be split over chunks. */
export const lines = <E>(bytes: Stream.Stream<Uint8Array, E>): Stream.Stream<string, E> =>
  bytes.pipe(Stream.decodeText, Stream.splitLines)

/** Nothing can be sent, and nothing comes, after this side has closed. */
const closed = () => new CodexConnectionError({ reason: { _tag: "Closed" } })

/**
 * The server's end of a connection in memory.
 *
 * @category models
 */
export interface MemoryServer {
  /** What the client sends, one JSON text each; ends when the client has gone. */
  readonly messages: Stream.Stream<string>
  /** Writes to the client: text or bytes, in any pieces; a line break ends a message. */
  readonly write: (data: string | Uint8Array) => Effect.Effect<void>
  /** Ends the connection, as a process would that is gone. */
  readonly close: (error?: CodexConnectionError) => Effect.Effect<void>
}

/**
 * A server in this program: `serve` runs for each connection, in its scope; if it dies, the connection does. For tests, and
 * for what the real server can't be made to do.
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
            messages: Stream.concat(lines(Stream.fromQueue(toClient)), Stream.fromEffect(Deferred.await(end))),
            send: (message) =>
              Effect.suspend(() =>
                Queue.offerUnsafe(toServer, message) ? Effect.void : Effect.flatten(Deferred.await(end))
              )
          } satisfies Connection
        })
      })
    })
  )
