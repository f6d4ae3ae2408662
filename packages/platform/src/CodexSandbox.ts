/**
 * The sandbox of a layer: what its files and commands may do on the server's machine.
 */
export type { Sandbox } from "./internal/model/Sandbox.ts"
