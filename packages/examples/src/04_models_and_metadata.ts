/**
 * The server's metadata, the account, and the models.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const { platformFamily, platformOs, serverVersion, userAgent } = codex.metadata
  yield* Console.log("version   ", serverVersion)
  yield* Console.log("platform  ", platformOs, platformFamily)
  yield* Console.log("user agent", userAgent)

  const { account } = yield* codex.account()
  yield* Console.log("account   ", account?.type ?? "none")

  // A Stream over all pages. `includeHidden` includes models that a picker would not show.
  yield* codex.models({ includeHidden: true }).pipe(
    Stream.runForEach((model) =>
      Console.log(
        `${model.isDefault ? "*" : " "} ${model.id}${model.hidden ? " (hidden)" : ""}:`,
        model.supportedReasoningEfforts.map(({ reasoningEffort }) => reasoningEffort).join(" ")
      )
    )
  )
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
