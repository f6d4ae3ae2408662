/**
 * What a scripted reply can do besides sending text: wait for a {@link Gate}, wait for a while, never go on, or break
 * the connection. A step may stand between the items of a reply and between the deltas of an item.
 *
 * ```ts
 * Reply.message({ deltas: ["half a sen", Step.cut] }) // the connection breaks in the middle of a message
 * ```
 */
export * from "./script/Step.ts"
