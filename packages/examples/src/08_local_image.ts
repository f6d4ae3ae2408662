/**
 * An image from a file. The server reads the file, so the path must be absolute.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, Input } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { fileURLToPath } from "node:url"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const path = fileURLToPath(new URL("./shared/square.png", import.meta.url))

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const result = yield* thread.run([Input.text("What colour is this?"), Input.localImage(path)])
  yield* Console.log(result.finalResponse)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
