/**
 * The requests of a client, over any transport: those of the cluster and those of a gateway fail with the same errors.
 */
import * as Cause from "effect/Cause"
import type {
  AlreadyProcessingMessage,
  EntityNotAssignedToRunner,
  MailboxFull,
  PersistenceError
} from "effect/cluster/ClusterError"
import * as Effect from "effect/Effect"
import type { RpcClient } from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as Stream from "effect/Stream"
import { type HostedError, ThreadUnavailableError } from "../model/errors.ts"
import { checkNames } from "../model/names.ts"
import type { Rpcs } from "../model/rpcs.ts"

/** Errors of the transports. */
type TransportError =
  | AlreadyProcessingMessage
  | EntityNotAssignedToRunner
  | MailboxFull
  | PersistenceError
  | RpcClientError

/** The requests of one thread, with the errors of its transport. */
export type Client = RpcClient<Rpcs, TransportError>

const transport = new Set<string>([
  "AlreadyProcessingMessage",
  "EntityNotAssignedToRunner",
  "MailboxFull",
  "PersistenceError",
  "RpcClientError"
])

const isTransport = (error: HostedError | TransportError): error is TransportError => transport.has(error._tag)

const unavailable = (thread: string, error: TransportError): ThreadUnavailableError => {
  switch (error._tag) {
    case "MailboxFull":
      return new ThreadUnavailableError({ thread, reason: "MailboxFull" })
    case "PersistenceError":
      return new ThreadUnavailableError({ thread, reason: "Storage", detail: String(error.cause) })
    default:
      return new ThreadUnavailableError({ thread, reason: "Unreachable", detail: error.message || error._tag })
  }
}

/**
 * Checks the name of a thread, sends a request to it, and converts the errors of the transport to those of this package. A runner that
 * gives a thread up interrupts its handlers: at the client that is an error, unlike the client's own interruption, which is not caught
 * here.
 */
export const call = <A>(
  thread: string,
  effect: Effect.Effect<A, HostedError | TransportError>
): Effect.Effect<A, HostedError> =>
  checkNames(thread, null).pipe(
    Effect.andThen(effect),
    Effect.mapError((error) => isTransport(error) ? unavailable(thread, error) : error),
    Effect.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause)
        ? Effect.fail(new ThreadUnavailableError({ thread, reason: "Unreachable", detail: "its runner gives it up" }))
        : Effect.failCause(cause)
    )
  )

/** Does the same for a request that is answered by a stream. */
export const stream = <A>(
  thread: string,
  stream: Stream.Stream<A, HostedError | TransportError>
): Stream.Stream<A, HostedError> =>
  Stream.unwrap(Effect.as(checkNames(thread, null), stream)).pipe(
    Stream.mapError((error) => isTransport(error) ? unavailable(thread, error) : error)
  )
