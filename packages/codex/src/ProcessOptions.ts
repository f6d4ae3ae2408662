/**
 * Options of an app-server that runs as a child process, and the command that they stand for.
 *
 * `Codex.layer` accepts them together with `ClientOptions`, and `Transport.layerStdio` accepts them alone.
 */
export { type Command, command } from "#process"
export { configOverrides, type ConfigValue } from "./node/ConfigOverrides.ts"
export { defaults, pick, type ProcessOptions } from "./node/ProcessOptions.ts"
