/**
 * Constructors of protocol values for tests. You set the fields that matter; the rest get the values that a current
 * server sends.
 *
 * ```ts
 * const events = Fixture.turnEvents({ threadId: "thread-1", turnId: "turn-1", deltas: ["Hello, ", "world."] })
 * yield* server.notifyAll(events)
 * ```
 */
export * from "./server/Fixture.ts"
