/**
 * An image by URL, together with a text. A `data:` URL works with every version; some versions refuse remote URLs.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex, Input } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

/** An 8 by 8 pixel red square. */
const redSquare = "data:image/png;base64,"
  + "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQMAAAD+wSzIAAAAA1BMVEXQICCEGQyAAAAAC0lEQVR42mNgQAUAABAAAaoZ+IIAAAAASUVORK5CYII="

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  const thread = yield* codex.threadStart()
  const result = yield* thread.run(["What colour is this?", Input.image(redSquare)])
  yield* Console.log(result.finalResponse)
})

program.pipe(Effect.provide(ExampleCodex.layer()), NodeRuntime.runMain)
