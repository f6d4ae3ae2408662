/**
 * Results of turns: status, final answer, items and usage.
 */
export { finalResponse, Subagents, TurnResult, TurnUsage } from "./model/turns/TurnResult.ts"
export { fromTurn } from "./model/errors/StoredTurn.ts"
