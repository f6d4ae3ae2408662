/**
 * Recordings of what passes between a client and its app-server: to keep, to replay, and to look at.
 *
 * `Timeline` is a module of its own, so that a program that records does not load it.
 */
/** Rules for the keys, addresses and paths that a recording must not hold. */
export * as Masking from "./Masking.ts"
/** A Transport that writes what passes through it to a file. */
export * as Recorder from "./Recorder.ts"
/** The file format of a recording. */
export * as Recording from "./Recording.ts"
/** A Transport that answers from a recording. */
export * as Replay from "./Replay.ts"
