/**
 * A step of a scripted reply that sends nothing: it waits for a {@link Gate}, waits for a while, stops forever, or breaks
 * the connection. Put steps between the items of a reply or between the deltas of an item.
 *
 * ```ts
 * Reply.message({ deltas: ["half a sen", Step.cut] }) // the connection breaks in the middle of a message
 * ```
 */
export * from "./script/Step.ts"
