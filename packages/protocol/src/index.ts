/**
 * The methods of the protocol: their types, and the tables by which a message is decoded and routed.
 */
export * as Methods from "./Methods.ts"

/**
 * Every type of the protocol under its upstream name, each with its Schema.
 */
export * as Protocol from "./Protocol.ts"
