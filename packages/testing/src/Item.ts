/**
 * What a model answers with: a message, a call of a function, reasoning. Items are plain data; {@link Reply.make} puts
 * several of them into one reply.
 *
 * ```ts
 * Reply.make([
 *   Item.message({ text: "Let me look.", phase: "commentary" }),
 *   Item.functionCall({ name: "exec_command", arguments: { cmd: "ls" } })
 * ])
 * ```
 */
export * from "./script/Item.ts"
