/** Connections that are cut at each step of a steer, an interrupt and an approval: on the real binary. */
import { CodexHome, Gate, Reply } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { CodexError, ServerRequests } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { escalate } from "../real/family.ts"
import { behindProxy, connected, cutAt, steps } from "./behindProxy.ts"
import * as server from "./server.ts"

layer(server.layer("ws", { script: {}, home: { approvalPolicy: "on-request" } }), { excludeTestServices: true })(
  "a connection that is lost",
  (it) => {
    it.effect("at any step of a steer: its outcome is unknown, and nothing is sent twice", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          for (const [index, step] of steps.entries()) {
            yield* model.clear
            const gate = yield* Gate.make
            yield* model.enqueue(Reply.message({ deltas: ["a ", gate, "b"] }))
            // The model is asked again with the input that the server has read.
            if (step === "answered") yield* model.enqueue(Reply.text("c"))
            const turn = yield* thread.turn("go")
            yield* gate.arrived
            // From here on, the server sends nothing but what the next request causes.
            yield* Stream.runHead(turn.text)
            const isCut = cutAt(proxy, step)
            const error = yield* Effect.flip(turn.steer("more"))
            proxy.onData = () => {}
            assert.isTrue(isCut())
            assert.strictEqual(error._tag, "CodexConnectionError")
            assert.isTrue(CodexError.isRetryable(error))
            yield* connected(codex, index + 2)
            yield* gate.open
            const { items, status } = yield* turn.run
            assert.strictEqual(status, "completed")
            // The server takes a steer that it has read.
            const messages = items.filter(({ type }) => type === "userMessage").length
            assert.strictEqual(messages, step === "read" ? 1 : 2)
            const { turns } = yield* codex.threadRead(thread.id, { includeTurns: true })
            assert.lengthOf(turns, index + 1)
          }
        })
      ))

    it.effect("at any step of an interrupt: it is sent again", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const thread = yield* codex.threadStart()
          for (const step of steps) {
            const gate = yield* Gate.make
            yield* model.enqueue(Reply.message({ deltas: ["a ", gate, "b"] }))
            const turn = yield* thread.turn("go")
            yield* gate.arrived
            // From here on, the server sends nothing but what the next request causes.
            yield* Stream.runHead(turn.text)
            const isCut = cutAt(proxy, step)
            yield* turn.interrupt
            assert.isTrue(isCut())
            proxy.onData = () => {}
            assert.strictEqual((yield* turn.run).status, "interrupted")
          }
          const { turns } = yield* codex.threadRead(thread.id, { includeTurns: true })
          assert.deepStrictEqual(turns.map(({ status }) => status), ["interrupted", "interrupted"])
        })
      ))

    it.effect("at any step of an approval: the handler runs once, and so does the command", () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const { workspace } = yield* CodexHome.CodexHome
          const proof = join(workspace, "proof")
          for (const step of ["asked", "deciding", ...steps] as const) {
            rmSync(proof, { force: true })
            yield* model.clear
            yield* model.enqueue(escalate("echo done >> proof"), Reply.text("approved"))
            const deciding = yield* Deferred.make<void>()
            const decided = yield* Deferred.make<void>()
            let runs = 0
            const thread = yield* codex.threadStart({
              serverRequests: ServerRequests.make({
                "item/commandExecution/requestApproval": () =>
                  Effect.gen(function*() {
                    runs++
                    yield* Deferred.succeed(deciding, undefined)
                    yield* Deferred.await(decided)
                    return { decision: "accept" as const }
                  })
              })
            })
            const before = proxy.connections
            if (step === "asked") {
              proxy.onData = (direction, data) => {
                if (direction === "down" && data.includes("requestApproval") && proxy.connections === before) {
                  proxy.cut()
                }
              }
            }
            const running = yield* Effect.forkChild(thread.run("go"))
            yield* Deferred.await(deciding)
            if (step === "deciding") {
              proxy.cut()
              yield* connected(codex, before + 1)
            }
            const isCut = step === "read" || step === "answered" ? cutAt(proxy, step) : () => true
            yield* Deferred.succeed(decided, undefined)
            const result = yield* Fiber.join(running)
            proxy.onData = () => {}
            assert.isTrue(isCut(), step)
            assert.strictEqual(proxy.connections, before + 1, step)
            assert.strictEqual(result.finalResponse, "approved", step)
            assert.strictEqual(runs, 1, step)
            assert.strictEqual(readFileSync(proof, "utf8"), "done\n", step)
          }
        })
      ))
  }
)
