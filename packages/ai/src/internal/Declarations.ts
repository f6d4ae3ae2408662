/**
 * Declarations of the program's tools, as Codex is told of them.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import { Codex } from "effect-codex/Codex"
import type { InvalidInputError } from "effect-codex/CodexError"
import * as Tools from "effect-codex/Tools"
import type * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"

export type Declarations = ReadonlyArray<Protocol.DynamicToolSpec>

/** Declares tools, once for as long as they stay the same. Effect asks for their approval, so Codex need not know of it. */
export const make: Effect.Effect<
  (tools: ReadonlyArray<Tool.Any>) => Effect.Effect<Declarations, InvalidInputError>,
  never,
  Codex
> = Effect.gen(function*() {
  const codex = yield* Codex
  let last: { readonly tools: ReadonlyArray<Tool.Any>; readonly declarations: Declarations } | undefined
  return (tools) => {
    if (last !== undefined && last.tools.length === tools.length && last.tools.every((tool, i) => tool === tools[i])) {
      return Effect.succeed(last.declarations)
    }
    const plain = tools.map((tool) => tool.setNeedsApproval(false))
    return Effect.map(Tools.declarations(plain, codex.metadata.serverVersion), (declarations) => {
      last = { tools, declarations }
      return declarations
    })
  }
})
