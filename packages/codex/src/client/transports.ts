/**
 * Layers over each kind of transport. `Codex` and `CodexClient` pass the Layer that they build over any Transport.
 */
import { layerShared, layerStdio, layerUnixSocket, layerWebSocket } from "#process"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { pick } from "../base/options.ts"
import * as ClientOptions from "../model/connection/ClientOptions.ts"
import * as RemoteOptions from "../model/connection/RemoteOptions.ts"
import * as SocketOptions from "../model/connection/SocketOptions.ts"
import type { Transport } from "../model/connection/Transport.ts"
import { check } from "../model/errors/check.ts"
import type { ConnectError } from "../model/errors/CodexError.ts"
import * as ProcessOptions from "../node/ProcessOptions.ts"
import * as SharedOptions from "../node/SharedOptions.ts"

/** Builds the services `S` over any Transport. */
export type Build<S, R> = (options: RemoteOptions.TransportOptions<R>) => Layer.Layer<S, ConnectError, Transport | R>

/** Services over a child process. */
export const childProcess = <S, R>(
  options: ClientOptions.ClientOptions<R> & ProcessOptions.ProcessOptions,
  build: Build<S, R>
): Layer.Layer<S, ConnectError, R> =>
  Layer.unwrap(Effect.map(
    check(options, { ...ClientOptions.checks, ...ProcessOptions.checks }),
    () => build(ClientOptions.pick<R>(options)).pipe(Layer.provide(layerStdio(ProcessOptions.pick(options))))
  ))

/** Services over a WebSocket. */
export const webSocket = <S, R>(
  options: RemoteOptions.RemoteOptions<R> & SocketOptions.WebSocketOptions,
  build: Build<S, R>
): Layer.Layer<S, ConnectError, R> =>
  Layer.unwrap(Effect.map(
    check(options, { ...RemoteOptions.checks, ...SocketOptions.webSocketChecks }),
    () =>
      build(RemoteOptions.toTransportOptions<R>(options)).pipe(
        Layer.provide(layerWebSocket(pick(options, SocketOptions.webSocketChecks)))
      )
  ))

/** Services over a Unix socket. */
export const unixSocket = <S, R>(
  options: RemoteOptions.RemoteOptions<R> & SocketOptions.UnixSocketOptions,
  build: Build<S, R>
): Layer.Layer<S, ConnectError, R> =>
  Layer.unwrap(Effect.map(
    check(options, { ...RemoteOptions.checks, ...SocketOptions.unixSocketChecks }),
    () =>
      build(RemoteOptions.toTransportOptions<R>(options)).pipe(
        Layer.provide(layerUnixSocket(pick(options, SocketOptions.unixSocketChecks)))
      )
  ))

/** Services over the shared server. */
export const shared = <S, R>(
  options: RemoteOptions.RemoteOptions<R> & SharedOptions.SharedOptions,
  build: Build<S, R>
): Layer.Layer<S, ConnectError, R> =>
  Layer.unwrap(Effect.map(
    check(options, { ...RemoteOptions.checks, ...SharedOptions.checks }),
    () =>
      build(RemoteOptions.toTransportOptions<R>(options)).pipe(
        Layer.provide(layerShared(pick(options, SharedOptions.checks)))
      )
  ))
