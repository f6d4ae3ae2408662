/**
 * What a turn has come to, folded from its events as they pass.
 */
export * from "./model/TurnResult.ts"
