/**
 * Usage limits of the account: the current ones, and each change.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex

  // The stream starts with the current limits. Leave out take to follow them.
  yield* codex.rateLimits.changes.pipe(
    Stream.take(1),
    Stream.runForEach(({ rateLimits: { planType, primary } }) =>
      Console.log(`${planType}: ${primary?.usedPercent ?? 0} % used`)
    ),
    Effect.catchReason("CodexRpcError", "InvalidRequest", () => Console.log("log in with ChatGPT to see your limits"))
  )
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
