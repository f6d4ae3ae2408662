/** Sub-agents that work while the connection is lost: on the real binary, behind a proxy that cuts. */
import { CodexHome, Gate, Reply } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, Router, ServerRequests } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { configOf, escalate, kinds, script, spawn, wait } from "../real/family.ts"
import { idle } from "../real/utils.ts"
import * as Proxy from "./proxy.ts"
import * as server from "./server.ts"

const usage = { usage: { inputTokens: 10, outputTokens: 1 } }

for (const kind of kinds) {
  describe(`a sub-agent (${kind})`, () => {
    for (const when of ["before", "after"] as const) {
      it.live(`that was spawned ${when} the connection was lost asks the handlers of its thread, and counts for its turn`, () =>
        Effect.gen(function*() {
          const [spawning, working] = [yield* Gate.make, yield* Gate.make]
          yield* Effect.gen(function*() {
            const { address } = yield* server.ListeningServer
            const { workspace } = yield* CodexHome.CodexHome
            const proxy = yield* Proxy.make(address)
            yield* Effect.gen(function*() {
              const codex = yield* Codex.Codex
              let asked = 0
              const thread = yield* codex.threadStart({
                serverRequests: ServerRequests.make({
                  "item/commandExecution/requestApproval": () =>
                    Effect.sync(() => {
                      asked++
                      return { decision: "accept" as const }
                    })
                })
              })
              const running = yield* Effect.forkChild(thread.run("go"))
              if (when === "before") {
                yield* spawning.open
                yield* working.arrived
                proxy.cut()
                yield* codex.connection.pipe(
                  Stream.filter((state) => state._tag === "Connected" && state.connections === 2),
                  Stream.runHead
                )
                yield* working.open
              } else {
                yield* spawning.arrived
                proxy.isDown = true
                proxy.cut()
                yield* spawning.open
                yield* working.arrived
                yield* working.open
                proxy.isDown = false
              }
              const result = yield* Fiber.join(running)
              assert.strictEqual(result.finalResponse, "all done")
              assert.strictEqual(asked, 1)
              assert.isTrue(existsSync(join(workspace, "proof")))
              assert.strictEqual(result.usage?.subagents.totalTokens, 22)
              assert.deepInclude((yield* Router.Router).stats(), idle)
            }).pipe(Effect.provide(
              Codex.layerWebSocket({ url: proxy.address, reconnect: Schedule.spaced("10 millis") })
            ))
          }).pipe(
            Effect.scoped,
            Effect.provide(server.layer("ws", {
              home: { approvalPolicy: "on-request", config: configOf(kind) },
              script: script({
                parent: [Reply.after(spawning, spawn(kind)), wait(kind), Reply.text("all done")],
                child: [Reply.after(working, escalate("touch proof", usage)), Reply.text("I tried", usage)]
              })
            }))
          )
        }))
    }
  })
}
