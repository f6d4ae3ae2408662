/**
 * Results of turns: status, final answer, items and usage.
 */
export { fromTurn } from "./model/errors/StoredTurn.ts"
export { finalResponse, Subagents, TurnResult, TurnUsage } from "./model/turns/TurnResult.ts"
