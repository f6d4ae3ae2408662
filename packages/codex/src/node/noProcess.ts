/**
 * The child process, for platforms that have none, such as a browser: `#process` in package.json. Whatever needs a process
 * fails.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CodexSpawnError } from "../model/CodexError.ts"
import { Transport } from "../model/Transport.ts"
import type * as Node from "./process.ts"

const unavailable = new CodexSpawnError({
  reason: "Other",
  command: "codex app-server",
  detail: "this platform cannot start processes; connect through a Transport of another kind, with Codex.layerTransport"
})

export const command: typeof Node.command = () => Effect.fail(unavailable)

export const layerStdio: typeof Node.layerStdio = () =>
  Layer.succeed(Transport, Transport.of({ connect: Effect.fail(unavailable) }))
