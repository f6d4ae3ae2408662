/** One unchanged program sees the same on this machine, on the server's, and in a sandbox there. */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Layer from "effect/Layer"
import * as layers from "./layers.ts"
import { program } from "./suites/program.ts"

const run = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const root = yield* fs.realPath(yield* fs.makeTempDirectoryScoped())
  return yield* program(root)
}).pipe(Effect.scoped)

describe("an unchanged program", () => {
  for (
    const [name, layer] of [
      ["over stdio", layers.unsandboxed(layers.stdio)],
      ["in a sandbox", layers.sandboxed(layers.stdio)],
      ["with the shell helper", layers.unsandboxed(layers.stdio, { helpers: "sh" })]
    ] as const
  ) {
    it.live(`sees the same ${name} as on Node`, () =>
      Effect.gen(function*() {
        const node = yield* run.pipe(Effect.provide(NodeServices.layer))
        const ours = yield* run.pipe(Effect.provide(Layer.fresh(layer)))
        assert.deepStrictEqual(ours, node)
        assert.include(ours, "bytes 20000000 0")
      }))
  }
})
