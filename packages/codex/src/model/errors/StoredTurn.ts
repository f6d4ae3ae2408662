/**
 * Turns in the history of a thread, as results: for programs that did not follow the turn while it ran.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import { finalResponse, type TurnResult } from "../turns/TurnResult.ts"
import { TurnFailedError } from "./CodexError.ts"
import { turnFailedReason } from "./Refusal.ts"

/**
 * Returns the result of a stored turn, from `thread.read({ includeTurns: true })` or `thread/turns/list` with all items. Fails
 * with `TurnFailedError` if the turn failed. The history has neither usage nor sub-agents: `usage` is null, and both counts in
 * `subagents` are 0.
 */
export const fromTurn = (threadId: string, turn: Protocol.Turn): Effect.Effect<TurnResult, TurnFailedError> => {
  const error = turn.error ?? null
  const result: TurnResult = {
    threadId,
    id: turn.id,
    status: turn.status,
    error,
    startedAt: turn.startedAt ?? null,
    completedAt: turn.completedAt ?? null,
    durationMs: turn.durationMs ?? null,
    finalResponse: finalResponse(turn.items),
    items: turn.items,
    usage: null,
    subagents: { running: 0, stopped: 0 }
  }
  return turn.status === "failed"
    ? Effect.fail(
      new TurnFailedError({ reason: turnFailedReason(error, null), threadId, turnId: turn.id, error, result })
    )
    : Effect.succeed(result)
}
