/**
 * The Schemas of everything that the server sends, as functions that build them on first use. `Protocol` has the same Schemas as
 * constants, and importing those takes a while: a program that must start quickly, and needs few of them, uses these.
 */
export * from "./generated/schemas.ts"
