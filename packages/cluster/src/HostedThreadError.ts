/**
 * Errors of hosted threads, in addition to those of the SDK in `effect-codex/CodexError`.
 */
export { HostedError, ThreadUnavailableError, TurnCutOffError, UnavailableReason } from "./internal/model/errors.ts"
