/**
 * Values of the protocol for tests: say what matters, the rest is filled in as a server of today sends it.
 *
 * ```ts
 * const events = Fixture.turnEvents({ threadId: "thread-1", turnId: "turn-1", deltas: ["Hello, ", "world."] })
 * yield* server.notifyAll(events)
 * ```
 */
export * from "./server/Fixture.ts"
