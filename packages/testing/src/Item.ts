/**
 * An output item of a model's reply: a message, a tool call, reasoning. Items are plain data. `Reply.make` combines
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
