/**
 * Who receives each incoming message: a response goes to its request, an event to its turn, its thread and those who
 * watch everything, a request of the server to who answers it.
 *
 * It is fed by the one reader of a connection, a chunk of messages at a time, and does the least: parse, look up, push.
 * No Effect is run for a message, and nothing is kept that nobody can claim.
 */
export * from "./wire/Router.ts"
