/**
 * The types of the protocol, each with a Schema of the same name. The names are those of upstream.
 *
 * Types that the server sends are open: an enum accepts any string, and a union has a variant for unknown values. Types that only a
 * client sends are closed. If a type travels both ways and the two forms differ, `X` is the type that you read and `XInput` the type
 * that you write.
 */
export * from "./generated/incoming.ts"
export * from "./generated/outgoing.ts"
export { Json, JsonObject, type UnknownVariant } from "./internal/open.ts"
