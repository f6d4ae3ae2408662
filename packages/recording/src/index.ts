/**
 * Recordings of the traffic between a client and its app-server: record a program, replay it, draw it as a timeline.
 *
 * `@effect-codex/recording/Timeline` is not part of this index, so a program that only records does not load it.
 */
/** Rules for what a recording must not contain: keys, addresses and directories. */
export * as Masking from "./Masking.ts"
/** A Transport that writes its traffic to a file. */
export * as Recorder from "./Recorder.ts"
/** The file format of recordings. */
export * as Recording from "./Recording.ts"
/** A Transport that answers from a recording. */
export * as Replay from "./Replay.ts"
