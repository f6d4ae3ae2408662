/**
 * The options of a client: they apply to a server of any kind, however it is reached.
 *
 * `Codex.layer` takes them beside {@link ProcessOptions}, `Codex.layerTransport` takes them alone.
 */
export { type ClientOptions, defaults, pick } from "./model/ClientOptions.ts"
