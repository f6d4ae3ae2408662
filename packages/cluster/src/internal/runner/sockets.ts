/**
 * The sockets between runners. Node's sockets collect small writes by default, and acknowledged chunks then wait for each other in
 * steps of 40 ms; these do not.
 */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as Runners from "effect/cluster/Runners"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import { Socket } from "effect/socket/Socket"

/** The time limits of Effect's `NodeClusterSocket`, in milliseconds. */
const timeouts = { openTimeout: 1000, timeout: 5500 }

/** Connections to other runners. */
export const client = Layer.effect(
  Runners.RpcClientProtocol,
  Effect.gen(function*() {
    const serialization = yield* RpcSerialization.RpcSerialization
    return {
      codecFor: serialization.codecFor,
      make: Effect.fnUntraced(function*({ host, port }) {
        const socket = yield* NodeSocket.makeNet({ ...timeouts, host, port, noDelay: true })
        return yield* RpcClient.makeProtocolSocket().pipe(
          Effect.provideService(Socket, socket),
          Effect.provideService(RpcSerialization.RpcSerialization, serialization)
        )
      }, Effect.orDie)
    }
  })
)

/** The server of a runner. */
export const server = (address: { readonly host: string; readonly port: number }) =>
  NodeSocketServer.layer({ ...address, noDelay: true })
