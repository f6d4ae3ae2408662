/**
 * Limits of a turn: the time, tokens and model requests after which it is interrupted.
 */
export type { Limit, Limits } from "./model/turns/Limits.ts"
