/**
 * A duplex of JSON messages: what a client needs of the way to its app-server.
 *
 * A Transport can be connected again and again, so that a client can restart a lost server. {@link layerStdio} starts a
 * child process for each connection; {@link layerMemory} connects to a server in this program.
 */
export { type Connection, layerMemory, type MemoryServer, Transport } from "./model/Transport.ts"
export { layerStdio } from "./node/Stdio.ts"
