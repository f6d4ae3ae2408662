/**
 * A replacement for `Codex.start` that runs the examples without an account, on the real Codex binary and a scripted model. With
 * `--live` it is `Codex.start` itself. In your own program, write `Codex.start`.
 */
import { startTestCodex } from "@effect-codex/testing/promises"
import { Codex, type StartOptions } from "effect-codex/promises"
import { isLive } from "./ExampleCodex.ts"
import * as OfflineModel from "./OfflineModel.ts"

/** Starts Codex. */
export const start = async (client: StartOptions = {}): Promise<Codex> => {
  if (isLive) {
    console.log("[live: your own Codex account]\n")
    return Codex.start(client)
  }
  console.log("[offline: a scripted model answers; --live asks your own Codex account]\n")
  const { close, codex } = await startTestCodex({ script: OfflineModel.script, home: { model: "gpt-5.5" }, client })
  return { ...codex, close, [Symbol.asyncDispose]: close }
}
