/**
 * A duplex of JSON messages: the way from a client to its app-server.
 *
 * A Transport can be connected again and again, so that a client can reconnect. {@link layerStdio} starts a child process
 * for each connection; {@link layerMemory} connects to a server in this program.
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
