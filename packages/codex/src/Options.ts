/**
 * Options of threads and turns: the fields of the protocol, and presets that replace several of them.
 *
 * Only the options that you pass are sent. Names are checked at run time: an unknown option fails with `InvalidInputError`,
 * and an option that the server is too old for fails with `UnsupportedByServerError`.
 */
export { type ThreadForkOptions, type ThreadResumeOptions, type ThreadStartOptions } from "./options/ThreadOptions.ts"
export { type Buffer, type TurnOptions, type TypedTurnOptions, type WhenBusy } from "./options/TurnOptions.ts"
