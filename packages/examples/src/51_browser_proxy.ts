/**
 * Codex in a web page. The page in `browser/` connects with `Codex.layerWebSocket`, through a proxy that authenticates its user,
 * checks its origin, and adds the token of the app-server: see `shared/browserProxy.ts`.
 *
 * `CODEX_SERVER` and `CODEX_TOKEN` name a server that is running already.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Config from "effect/Config"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { createHash, randomBytes } from "node:crypto"
import { join } from "node:path"
import * as browserProxy from "./shared/browserProxy.ts"
import { bundle } from "./shared/bundle.ts"
import * as ExampleServer from "./shared/ExampleServer.ts"

const running = Config.option(Config.all({
  server: Config.String("CODEX_SERVER"),
  token: Config.Redacted("CODEX_TOKEN")
}))

const started = Effect.gen(function*() {
  const token = Redacted.make(randomBytes(32).toString("hex"))
  const digest = createHash("sha256").update(Redacted.value(token)).digest("hex")
  const server = yield* ExampleServer.listen("ws", "--ws-auth", "capability-token", "--ws-token-sha256", digest)
  return { server, token }
})

Effect.gen(function*() {
  const { server, token } = yield* Option.match(yield* running, {
    onSome: (server) => Effect.succeed(server),
    onNone: () => started
  })
  const port = yield* Config.withDefault(Config.Int("PORT"), 3000)
  const files = yield* Effect.promise(() => bundle(join(import.meta.dirname, "browser")))
  const { login } = yield* browserProxy.listen({ server, token, files, port })
  yield* Console.log(`Open ${login}`)
  return yield* Effect.never
}).pipe(Effect.scoped, NodeRuntime.runMain)
