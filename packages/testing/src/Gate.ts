/**
 * A point in a scripted reply where the model waits for the test.
 *
 * The model stops at the gate. The test waits for that, does its work (steers, interrupts, inspects), and opens the gate.
 * Nothing sleeps and nothing races.
 *
 * ```ts
 * const gate = yield* Gate.make
 * yield* model.enqueue(Reply.message({ deltas: ["one ", gate, "two"] }))
 * // ... start a turn ...
 * yield* gate.arrived // "one " has been sent
 * yield* gate.open // "two" follows
 * ```
 */
export * from "./script/Gate.ts"
