/**
 * Connections for JSON messages between a client and its app-server.
 *
 * A Transport opens any number of connections, so that a client can reconnect. {@link layerStdio} starts a child process for
 * each connection, and {@link layerMemory} connects to a server in this program. Implement the service to reach a server in
 * another way.
 */
export { layerStdio } from "#process"
export {
  type Accept,
  type Connection,
  layerMemory,
  type MemoryServer,
  type PathKind,
  receiveStream,
  Transport
} from "./model/Transport.ts"
