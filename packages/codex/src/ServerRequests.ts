/**
 * What the server asks of its client, and how it is answered: approvals, tools, user input, elicitation, ...
 *
 * A vocabulary: a record with a handler for each method. The client runs each handler in a fiber of its own, so a handler
 * may take as long as it likes, and interrupts it when no answer is needed any more: the server said so, the turn ended,
 * or the connection did.
 *
 * Handlers are given to the client (`Codex.layer({ serverRequests })`) or to a thread (`threadStart({ serverRequests })`);
 * what those of a thread leave out, those of the client answer, and what these leave out, {@link declineAll}.
 *
 * @example
 * ```ts
 * import * as Effect from "effect/Effect"
 * import { Codex, ServerRequests } from "effect-codex"
 *
 * const program = Effect.gen(function*() {
 *   const codex = yield* Codex.Codex
 *   return yield* codex.threadStart({
 *     approvalPolicy: "on-request",
 *     serverRequests: ServerRequests.make({
 *       "item/commandExecution/requestApproval": ({ command }) =>
 *         Effect.succeed({ decision: command?.includes("git status") ? "accept" : "decline" })
 *     })
 *   })
 * })
 * ```
 */
export * from "./model/ServerRequests.ts"
