/**
 * Options of a client. They apply to every transport.
 *
 * `Codex.layer` accepts them together with `ProcessOptions`, `Codex.layerWebSocket` and `Codex.layerUnixSocket` accept
 * {@link RemoteOptions}, and `Codex.layerTransport` accepts {@link TransportOptions}.
 */
export { type ClientOptions, defaults, pick } from "./model/connection/ClientOptions.ts"
export type { RemoteOptions, TransportOptions } from "./model/connection/RemoteOptions.ts"
