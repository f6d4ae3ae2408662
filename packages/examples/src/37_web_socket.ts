/**
 * A running server, over a WebSocket with a token. The client reconnects when the connection is lost; the turn goes on meanwhile.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { createHash, randomBytes } from "node:crypto"
import * as ExampleServer from "./shared/ExampleServer.ts"

const program = Effect.gen(function*() {
  const codex = yield* Codex.Codex
  yield* Console.log(`server  ${codex.metadata.serverName} ${codex.metadata.serverVersion}`)

  // What a user interface shows: connected, lost, reconnecting.
  yield* codex.connection.pipe(
    Stream.runForEach((state) => Console.log(`state   ${state._tag}`)),
    Effect.forkScoped({ startImmediately: true })
  )

  const thread = yield* codex.threadStart({ sandbox: "readOnly" })
  const turn = yield* thread.turn("Say hello in one sentence.")
  yield* Stream.runForEach(turn.text, (text) => Console.log(`text    ${text}`))
}).pipe(Effect.scoped)

Effect.gen(function*() {
  // The server gets the digest of the token, never the token itself.
  const token = Redacted.make(randomBytes(32).toString("hex"))
  const digest = createHash("sha256").update(Redacted.value(token)).digest("hex")
  const url = yield* ExampleServer.listen("ws", "--ws-auth", "capability-token", "--ws-token-sha256", digest)

  yield* Effect.provide(program, Codex.layerWebSocket({ url, token }))
}).pipe(Effect.scoped, NodeRuntime.runMain)
