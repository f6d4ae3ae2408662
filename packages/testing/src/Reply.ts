/**
 * A reply of the scripted model to one request, as plain data.
 *
 * ```ts
 * Reply.text("hello")
 * Reply.message({ deltas: ["hel", "lo"], phase: "final_answer" })
 * Reply.functionCall({ name: "exec_command", arguments: { cmd: "ls" } })
 * Reply.make([Item.reasoning({ text: "hm" }), Item.message({ text: "yes" })], { usage: { inputTokens: 12 } })
 * Reply.failed({ code: "rate_limit_exceeded", message: "slow down" })
 * Reply.httpError(503, "busy")
 * Reply.after(gate, Reply.text("at last"))
 * Reply.hang
 * ```
 */
export * from "./script/Reply.ts"
