/**
 * The options of a client: they apply to a server of any kind, however it is reached.
 *
 * `Codex.layer` takes them beside process options, `Codex.layerWebSocket` and `Codex.layerUnixSocket` as
 * {@link RemoteOptions}, and `Codex.layerTransport` as {@link TransportOptions}.
 */
export { type ClientOptions, defaults, pick } from "./model/ClientOptions.ts"
export type { RemoteOptions, TransportOptions } from "./model/RemoteOptions.ts"
