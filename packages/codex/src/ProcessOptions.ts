/**
 * The options of a server that runs as a child process, and the command that they stand for.
 *
 * `Codex.layer` takes them beside {@link ClientOptions}, `Transport.layerStdio` takes them alone.
 */
export { type Command, command } from "#process"
export { configOverrides, type ConfigValue } from "./node/ConfigOverrides.ts"
export { defaults, pick, type ProcessOptions } from "./node/ProcessOptions.ts"
