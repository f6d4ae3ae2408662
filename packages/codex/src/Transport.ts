/**
 * Connections for JSON messages between a client and its app-server.
 *
 * A Transport opens any number of connections, so that a client can reconnect. {@link layerStdio} starts a child process for
 * each connection, {@link layerWebSocket} and {@link layerUnixSocket} connect to a running server, {@link layerShared} joins or
 * starts one that outlives the program, and {@link layerMemory} connects to a server in this program. Implement the service to reach a server in another way.
 */
export { layerShared, layerStdio, layerUnixSocket, layerWebSocket } from "#process"
export type { RealPath } from "./base/paths.ts"
export type { UnixSocketOptions, WebSocketOptions } from "./model/connection/SocketOptions.ts"
export {
  type Accept,
  type Connection,
  layerMemory,
  type MemoryServer,
  type PathKind,
  receiveStream,
  Transport
} from "./model/connection/Transport.ts"
export type { SharedOptions } from "./node/SharedOptions.ts"
