/**
 * The child process, for platforms that have one: `#process` in package.json.
 */
export { type Command, command } from "./Command.ts"
export { layerStdio } from "./Stdio.ts"
