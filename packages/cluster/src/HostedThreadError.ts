/**
 * Errors of hosted threads, beside those of the SDK in `effect-codex/CodexError`.
 */
export { HostedError, ThreadUnavailableError, TurnCutOffError, UnavailableReason } from "./internal/model/errors.ts"
