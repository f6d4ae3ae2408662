/**
 * A duplex of JSON messages: the way from a client to its app-server.
 *
 * A Transport can be connected again and again, so that a client can reconnect. {@link layerStdio} starts a child process
 * for each connection; {@link layerWebSocket} and {@link layerUnixSocket} connect to a server that is running already;
 * {@link layerMemory} connects to a server in this program.
 */
export { layerStdio, layerUnixSocket, layerWebSocket } from "#process"
export type { UnixSocketOptions, WebSocketOptions } from "./model/SocketOptions.ts"
export {
  type Accept,
  type Connection,
  layerMemory,
  type MemoryServer,
  type PathKind,
  receiveStream,
  Transport
} from "./model/Transport.ts"
