/**
 * The implementation of `#process` (see package.json) for platforms with child processes.
 */
export { type Command, command } from "./Command.ts"
export { layerStdio } from "./Stdio.ts"
