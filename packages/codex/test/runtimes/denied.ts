/**
 * Each transport without the permissions that it needs on Deno. Prints the errors.
 *
 *     deno run --no-prompt --allow-read --conditions=@effect-codex/source packages/codex/test/runtimes/denied.ts
 */
import { Codex } from "effect-codex"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"

const layers = {
  stdio: Codex.layer(),
  ws: Codex.layerWebSocket({ url: "ws://127.0.0.1:1" }),
  unix: Codex.layerUnixSocket({ path: "codex.sock" }),
  shared: Codex.layerShared()
}

await Effect.forEach(Object.entries(layers), ([name, layer]) =>
  Effect.scoped(Layer.build(layer)).pipe(
    Effect.catch((error) => Console.log(`${name} ${error._tag} ${error.message}`))
  )).pipe(Effect.runPromise)
