/**
 * The child process, for platforms that have none, such as a browser: `#process` in package.json. Whatever needs a process
 * fails.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CodexConnectError } from "../model/CodexError.ts"
import { Transport } from "../model/Transport.ts"
import type * as Node from "./process.ts"

const unavailable = new CodexConnectError({
  reason: {
    _tag: "Other",
    detail: "this platform cannot start processes; use another Transport, with Codex.layerTransport"
  },
  target: "codex app-server"
})

export const command: typeof Node.command = () => Effect.fail(unavailable)

export const layerStdio: typeof Node.layerStdio = () =>
  Layer.succeed(Transport, Transport.of({ connect: Effect.fail(unavailable) }))
