/**
 * The methods of the protocol: maps from methods to types, and the tables that decode and route messages.
 */
export * as Methods from "./Methods.ts"

/**
 * The types of the protocol, each with a Schema of the same name.
 */
export * as Protocol from "./Protocol.ts"
