/**
 * The child process and the sockets, for platforms that have them: `#process` in package.json.
 */
export { type Command, command } from "./Command.ts"
export { layerUnixSocket, layerWebSocket } from "./Sockets.ts"
export { layerStdio } from "./Stdio.ts"
