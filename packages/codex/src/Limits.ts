/**
 * Limits of a turn: how long it may take, and how much it may use, before it is interrupted.
 */
export type { Limit, Limits } from "./model/Limits.ts"
