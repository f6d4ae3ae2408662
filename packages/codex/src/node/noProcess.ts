/**
 * The implementation of `#process` (see package.json) for platforms without child processes, such as browsers. Everything that
 * needs a process fails with `CodexConnectError`.
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
