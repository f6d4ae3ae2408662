/**
 * Every type of the protocol under its upstream name, each with its Schema.
 *
 * What the server sends is open: enums take any string, and a union has a variant for what this version does not know. What only
 * a client sends is closed. Where one definition does both and that makes a difference, `X` is what is read and `XInput` what is
 * written.
 */
export * from "./generated/incoming.ts"
export * from "./generated/outgoing.ts"
export { Json, JsonObject, type UnknownVariant } from "./internal/open.ts"
