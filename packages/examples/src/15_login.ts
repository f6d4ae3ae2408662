/**
 * A login with ChatGPT in the browser. With `--live`, you log in to your own account, and stay logged in.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as ExampleCodex from "./shared/ExampleCodex.ts"

const patience = ExampleCodex.isLive ? "5 minutes" : "1 second"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  yield* Console.log("account:", (yield* codex.account()).account)

  // Use `loginChatgptDeviceCode` on a machine without a browser, and `loginApiKey` with a key.
  const login = yield* codex.loginChatgpt
  yield* Console.log("open:   ", login.authUrl)

  // After the timeout, cancel the login. A cancelled login also ends, without success.
  const ended = yield* login.wait.pipe(
    Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.andThen(login.cancel, login.wait) })
  )
  yield* Console.log(ended.success ? "welcome" : `not logged in: ${ended.error}`)
  yield* Console.log("account:", (yield* codex.account()).account)
  // True with an account, and also if the model provider needs none, as the scripted model.
  yield* Console.log("ready:  ", yield* codex.isLoggedIn)
})

program.pipe(Effect.provide(ExampleCodex.layerOfAnyone()), NodeRuntime.runMain)
