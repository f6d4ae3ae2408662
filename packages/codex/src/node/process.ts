/**
 * The implementation of `#process` (see package.json) for platforms with child processes.
 */
export { type Command, command } from "./Command.ts"
export { layerShared } from "./SharedServer.ts"
export { stopShared } from "./SharedStop.ts"
export { layerUnixSocket, layerWebSocket } from "./Sockets.ts"
export { layerStdio } from "./Stdio.ts"
