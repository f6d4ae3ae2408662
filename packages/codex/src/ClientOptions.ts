/**
 * Options of a client. They apply to every transport.
 *
 * `Codex.layer` accepts them together with `ProcessOptions`, and `Codex.layerTransport` accepts them alone.
 */
export { type ClientOptions, defaults, pick } from "./model/ClientOptions.ts"
