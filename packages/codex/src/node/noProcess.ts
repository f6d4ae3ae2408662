/**
 * The implementation of `#process` (see package.json) for platforms without child processes, such as browsers. A WebSocket works;
 * everything that needs a process or a file fails with `CodexConnectError`.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Transport } from "../model/connection/Transport.ts"
import { CodexConnectError } from "../model/errors/CodexError.ts"
import type * as Node from "./process.ts"

export { layerWebSocket } from "./GlobalWebSocket.ts"

const unavailable = (target: string, what: string) =>
  new CodexConnectError({
    reason: {
      _tag: "Other",
      detail:
        `this platform has no ${what}; connect to a server with Codex.layerWebSocket, or with a Transport of your own`
    },
    target
  })

const noProcess = unavailable("codex app-server", "processes")

export const command: typeof Node.command = () => Effect.fail(noProcess)

export const layerStdio: typeof Node.layerStdio = () =>
  Layer.succeed(Transport, Transport.of({ connect: Effect.fail(noProcess) }))

export const layerUnixSocket: typeof Node.layerUnixSocket = ({ path }) =>
  Layer.succeed(Transport, Transport.of({ connect: Effect.fail(unavailable(path, "Unix sockets")) }))

export const layerShared: typeof Node.layerShared = () =>
  Layer.succeed(Transport, Transport.of({ connect: Effect.fail(noProcess) }))

export const stopShared: typeof Node.stopShared = () => Effect.fail(noProcess)
