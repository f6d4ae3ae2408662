/**
 * The internal service of one client, which threads, turns, goals and logins use. `CodexClient` is its public part.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { ConnectionState } from "../model/connection/ConnectionState.ts"
import type { Metadata } from "../model/connection/Metadata.ts"
import type { PathKind } from "../model/connection/Transport.ts"
import type { CodexConnectionError, RequestError } from "../model/errors/CodexError.ts"
import type { Method, Params, Response, SendRequest } from "../model/requests/Request.ts"
import type { ServerRequestHandlers } from "../model/requests/ServerRequests.ts"
import type { Limits } from "../model/turns/Limits.ts"
import type { QueuedTurns } from "./QueuedTurns.ts"
import type { Subagents } from "./Subagents.ts"
import type { TurnControls } from "./TurnControls.ts"
import type { TurnStarts } from "./TurnStarts.ts"

/** The course of a request. */
export interface Hooks<M extends Method> {
  /** Receives the id of the request before it is written: notifications about it, and its cancellation, name that id. */
  readonly onId?: (id: number) => void
  /** Receives the response in the reader, before any later message. */
  readonly onResponse?: (response: Response<M>) => void
}

export class Client extends Context.Service<Client, {
  /** The server's response to the last handshake. */
  readonly metadata: Metadata
  /** Sends a request, and returns its response. */
  readonly request: SendRequest
  /** Waits for the end of the connection, and returns how it ended. */
  readonly closed: Effect.Effect<CodexConnectionError>
  /** Returns true if turns outlive a connection, and the client reconnects. */
  readonly survives: () => boolean
  /** Resumes a thread, and brings its turns up to date. */
  readonly rejoin: (threadId: string) => Effect.Effect<void, RequestError>
  /** Returns the number of connections so far: 1, and one more for each restart. */
  readonly connections: () => number
  /** The state of the connection, and each later one. */
  readonly connection: Stream.Stream<ConnectionState>
  /** Sends a request whose course is followed. */
  readonly requestWith: <M extends Method>(
    method: M,
    params: Params<M>,
    hooks: Hooks<M>
  ) => Effect.Effect<Response<M>, RequestError>
  /** Waits for a connection while the server restarts, and returns its number. */
  readonly connected: Effect.Effect<number, CodexConnectionError>
  /**
   * Registers handlers for the requests of a thread, and of its sub-agents and forks. Methods without a handler fall back to the
   * nearest thread above, then to the client's. The handlers apply until the thread is archived, deleted or closed, and longer
   * while a sub-agent or fork of it is loaded. Returns a function that unregisters them.
   */
  readonly handle: (threadId: string, handlers: ServerRequestHandlers) => () => void
  /** The limits of the turns of all threads. */
  readonly limits: Limits | undefined
  /** `Transport.look` of the transport. */
  readonly look: ((path: string) => PathKind) | undefined
  /** `Transport.directory` of the transport. */
  readonly directory: string | undefined
  /** Keeps sub-agents within the permissions of the turns that they work for. */
  readonly subagents: Subagents
  /**
   * Returns true if the server still sends the events of a thread that it has loaded: false from `thread/unsubscribe` until the
   * thread is resumed. At most the latest 1,000 threads are remembered.
   */
  readonly isSubscribed: (threadId: string) => boolean
  /** The turns that the server starts from the queues of threads. */
  readonly queued: QueuedTurns
  /** Starts, steers and stops turns. */
  readonly turns: TurnStarts & TurnControls
}>()("effect-codex/wire/Client") {}
