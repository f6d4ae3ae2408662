/** Work other than messages that continues while the connection is lost: on the real binary, behind a proxy that cuts. */
import { CodexHome, Gate, Reply } from "@effect-codex/testing"
import { assert, layer } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { agentTexts } from "../real/utils.ts"
import { behindProxy, connected } from "./behindProxy.ts"
import * as server from "./server.ts"

layer(
  server.layer("unix", {
    script: {},
    home: { sandboxMode: "danger-full-access" }
  }),
  { excludeTestServices: true }
)("after a lost connection", (it) => {
  for (const meanwhile of [false, true]) {
    it.effect(`a review ${meanwhile ? "that ended meanwhile is complete" : "continues"}`, () =>
      behindProxy(({ codex, model, proxy }) =>
        Effect.gen(function*() {
          const gate = yield* Gate.make
          yield* model.enqueue(Reply.text("hello"), Reply.message({ deltas: ["looks ", gate, "good"] }))
          const thread = yield* codex.threadStart()
          yield* thread.run("say hello")
          const review = yield* thread.review({ type: "custom", instructions: "look at everything" })
          const items = yield* Effect.forkChild(Stream.runCollect(review.items), { startImmediately: true })
          yield* gate.arrived
          proxy.isDown = meanwhile
          proxy.cut()
          if (meanwhile) {
            yield* gate.open
            // Another client sees its end.
            const { address } = yield* server.ListeningServer
            yield* Effect.gen(function*() {
              const beside = yield* Codex.Codex
              yield* Effect.repeat(beside.threadRead(thread.id), { until: ({ status }) => status.type !== "active" })
            }).pipe(Effect.provide(server.codex(address)))
            proxy.isDown = false
          } else {
            yield* connected(codex, 2)
            yield* gate.open
          }
          const result = yield* review.run
          assert.strictEqual(result.status, "completed")
          assert.strictEqual(result.finalResponse, "looks good")
          const types = (yield* Fiber.join(items)).map(({ type }) => type)
          for (const type of ["enteredReviewMode", "exitedReviewMode", "agentMessage"] as const) {
            assert.strictEqual(types.filter((each) => each === type).length, 1, `${type} in ${types}`)
          }
          assert.lengthOf(yield* model.requests, 2)
        })
      ))
  }

  it.effect("a command has all of its output, once", () =>
    behindProxy(({ codex, model, proxy }) =>
      Effect.gen(function*() {
        const { workspace } = yield* CodexHome.CodexHome
        const cmd = "echo before; until [ -e continue ]; do sleep 0.02; done; echo after"
        yield* model.enqueue(
          Reply.functionCall({ name: "exec_command", arguments: { cmd, yield_time_ms: 30_000 } }),
          Reply.text("done")
        )
        const thread = yield* codex.threadStart()
        const turn = yield* thread.turn("go")
        const begun = yield* Deferred.make<void>()
        const events = yield* turn.stream.pipe(
          Stream.tap((event) =>
            event.method === "item/started" && event.params.item.type === "commandExecution"
              ? Deferred.succeed(begun, undefined)
              : Effect.void
          ),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        yield* Deferred.await(begun)
        proxy.cut()
        yield* connected(codex, 2)
        yield* Effect.sync(() => writeFileSync(join(workspace, "continue"), ""))
        const { items } = yield* turn.run
        const commands = items.filter((item) => item.type === "commandExecution")
        assert.deepStrictEqual(commands.map(({ aggregatedOutput }) => aggregatedOutput), ["before\nafter\n"])
        const lifecycle = (yield* Fiber.join(events)).flatMap((event) =>
          (event.method === "item/started" || event.method === "item/completed") &&
            event.params.item.type === "commandExecution"
            ? [event.method]
            : []
        )
        assert.deepStrictEqual(lifecycle, ["item/started", "item/completed"])
      })
    ))

  it.effect("a compaction ends, and the turn that waits for it runs", () =>
    behindProxy(({ codex, model, proxy }) =>
      Effect.gen(function*() {
        const gate = yield* Gate.make
        yield* model.enqueue(Reply.text("hello"), Reply.after(gate, Reply.text("a summary")), Reply.text("bye"))
        const thread = yield* codex.threadStart()
        yield* thread.run("say hello")
        const compacting = yield* Effect.forkChild(thread.compact, { startImmediately: true })
        yield* gate.arrived
        const next = yield* Effect.forkChild(thread.run("say bye"), { startImmediately: true })
        proxy.cut()
        yield* connected(codex, 2)
        yield* gate.open
        yield* Fiber.join(compacting)
        assert.strictEqual((yield* Fiber.join(next)).finalResponse, "bye")
        assert.deepStrictEqual((yield* model.requests).map(({ kind }) => kind), ["turn", "compaction", "turn"])
      })
    ))

  it.effect("of a client that did not read for a while, a turn has its exact text", () =>
    behindProxy(({ codex, model, proxy }) =>
      Effect.gen(function*() {
        const [start, end] = [yield* Gate.make, yield* Gate.make]
        const pieces = Array.from({ length: 200 }, (_, index) => `${index} ${"x".repeat(1_000)} `)
        yield* model.enqueue(Reply.message({ deltas: ["begin ", start, ...pieces, end, "end"] }))
        const thread = yield* codex.threadStart()
        const turn = yield* thread.turn("go")
        const text = yield* Effect.forkChild(Stream.runCollect(turn.text), { startImmediately: true })
        yield* start.arrived
        proxy.stall()
        yield* start.open
        yield* end.arrived
        // The server closes the connection of a client that reads too slowly: what it has sent meanwhile is lost.
        proxy.cut()
        yield* connected(codex, 2)
        yield* end.open
        const whole = `begin ${pieces.join("")}end`
        assert.deepStrictEqual(agentTexts(yield* turn.run), [whole])
        assert.strictEqual((yield* Fiber.join(text)).join(""), whole)
      })
    ))
})
