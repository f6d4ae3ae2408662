import { Gate, type ModelRequest, Reply, ScriptedModel, TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Router } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { configOf, type Kind, kinds, type Lines, script, send, spawn, wait } from "./family.ts"
import { patient, setup } from "./utils.ts"

const family = (kind: Kind, lines: Lines, client: TestCodex.Options["client"] = {}, features: object = {}) => {
  const { features: kindFeatures, ...config } = configOf(kind) as { readonly features?: object }
  return Effect.provide(TestCodex.layer({
    script: script(lines),
    home: { config: { ...config, features: { ...kindFeatures, ...features } } },
    client
  }))
}

/** The first request of a sub-agent to the model. */
const childRequest: Effect.Effect<ModelRequest.ModelRequest, never, ScriptedModel.ScriptedModel> = Effect.flatMap(
  ScriptedModel.ScriptedModel,
  (model) =>
    model.stream.pipe(
      Stream.filter(({ parentThreadId }) => parentThreadId !== undefined),
      Stream.runHead,
      Effect.map(Option.getOrThrow)
    )
)

/** The end of the next turn of a sub-agent, as a fiber. */
const childEnds = (parentId: string) =>
  Effect.flatMap(Router.Router, (router) =>
    router.notifications.pipe(
      Stream.filter((event) => event.method === "turn/completed" && event.params.threadId !== parentId),
      Stream.take(1),
      Stream.runDrain,
      Effect.forkChild({ startImmediately: true })
    ))

const run = (cmd: string) => Reply.functionCall({ name: "exec_command", arguments: { cmd } })

for (const kind of kinds) {
  const waiting: Lines = { parent: [spawn(kind), wait(kind), Reply.text("done")], child: [Reply.hang] }

  describe(`stopping a turn with a sub-agent (${kind})`, () => {
    it.live("by the interruption of its fiber stops the sub-agent, and waits for it", () =>
      Effect.gen(function*() {
        const { codex, router } = yield* setup
        const thread = yield* codex.threadStart()
        const running = yield* Effect.forkChild(thread.run("go"))
        const request = yield* childRequest
        assert.strictEqual(router.stats().subagents, 1)
        yield* Fiber.interrupt(running)
        assert.deepInclude(router.stats(), { subagents: 0, roots: 0, turns: 0 })
        assert.strictEqual(yield* request.outcome, "aborted")
      }).pipe(family(kind, waiting)))

    it.live("by a timeout does so as well", () =>
      Effect.gen(function*() {
        const { codex, router } = yield* setup
        const thread = yield* codex.threadStart()
        const timedOut = yield* Effect.raceFirst(thread.run("go"), childRequest)
        assert.isTrue("outcome" in timedOut)
        assert.deepInclude(router.stats(), { subagents: 0, roots: 0, turns: 0 })
      }).pipe(family(kind, waiting)))

    it.live("by `interrupt` does so as well, and the result counts the stopped ones", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const thread = yield* codex.threadStart()
        const turn = yield* thread.turn("go")
        const request = yield* childRequest
        yield* turn.interrupt
        const result = yield* turn.run
        assert.strictEqual(result.status, "interrupted")
        assert.deepStrictEqual(result.subagents, { running: 0, stopped: 1 })
        assert.strictEqual(yield* request.outcome, "aborted")
      }).pipe(family(kind, waiting)))

    it.live("leaves the sub-agent running with `subagents: leave`", () =>
      Effect.gen(function*() {
        const gate = yield* Gate.make
        yield* Effect.gen(function*() {
          const { codex, router } = yield* setup
          const thread = yield* codex.threadStart()
          const turn = yield* thread.turn("go", { subagents: "leave" })
          const request = yield* childRequest
          yield* turn.interrupt
          const result = yield* turn.run
          assert.deepStrictEqual(result.subagents, { running: 1, stopped: 0 })
          assert.strictEqual(router.stats().subagents, 1)
          yield* gate.open
          assert.strictEqual(yield* request.outcome, "answered")
        }).pipe(family(kind, {
          parent: [spawn(kind), wait(kind)],
          child: [Reply.after(gate, Reply.text("done"))]
        }))
      }))

    it.live("reaches one that outlives it", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const thread = yield* codex.threadStart()
        const turn = yield* thread.turn("go")
        const request = yield* childRequest
        const result = yield* turn.run
        assert.strictEqual(result.status, "completed")
        assert.deepStrictEqual(result.subagents, { running: 1, stopped: 0 })
        yield* turn.interrupt
        assert.strictEqual(yield* request.outcome, "aborted")
      }).pipe(family(kind, { parent: [spawn(kind), Reply.text("I do not wait")], child: [Reply.hang] })))

    it.live("by a limit does so as well: tokens and steps of the sub-agent count", () =>
      Effect.gen(function*() {
        const { codex, router } = yield* setup
        for (
          const [limit, limits] of [["tokens", { tokens: 1000 }], ["steps", { steps: 5 }]] as const
        ) {
          const thread = yield* codex.threadStart()
          const error = yield* Effect.flip(thread.run("go", { limits }))
          assert(error._tag === "TurnLimitError")
          assert.strictEqual(error.limit, limit)
          assert.strictEqual(error.allowed, limit === "tokens" ? 1000 : 5)
          assert.isAtLeast(error.used, error.allowed)
          assert.strictEqual(error.result.status, "interrupted")
          assert.strictEqual(error.result.subagents.stopped, 1)
          assert.isAbove(error.result.usage!.subagents.totalTokens, 0)
          assert.deepInclude(router.stats(), { subagents: 0, roots: 0, turns: 0 })
        }
      }).pipe(Effect.provide(TestCodex.layer({
        home: { config: configOf(kind) },
        script: {
          // Sub-agents go on for ever, their parents wait.
          respond: (request) => {
            if (request.parentThreadId !== undefined) {
              return Reply.functionCall({ name: "exec_command", arguments: { cmd: "true" } }, {
                usage: { inputTokens: 400 }
              })
            }
            const line = request.toolOutput() === undefined ? spawn(kind) : wait(kind)
            return typeof line === "function" ? line(request) : line
          }
        }
      }))))
  })

  describe(`a later turn with a narrower sandbox (${kind})`, () => {
    const logs: Array<string> = []
    it.live("holds for a sub-agent that was spawned with a wider one", () =>
      Effect.gen(function*() {
        const gate = yield* Gate.make
        yield* Effect.gen(function*() {
          const { codex, home, model } = yield* setup
          const thread = yield* codex.threadStart({ sandbox: "fullAccess" })
          yield* thread.run("go")
          assert.isTrue(existsSync(join(home.workspace, "before")))
          const ended = yield* childEnds(thread.id)
          const turn = yield* thread.turn("again", { sandbox: "readOnly" })
          yield* Fiber.join(ended)
          yield* gate.open
          const result = yield* turn.run
          assert.isFalse(existsSync(join(home.workspace, "after")))
          // The default kind takes the new sandbox, the other one does not take any.
          assert.deepStrictEqual(result.subagents, { running: 0, stopped: kind === "v1" ? 0 : 1 })
          const children = (yield* model.requests).filter(({ parentThreadId }) => parentThreadId !== undefined)
          if (kind === "v1") assert.match(children.at(-1)!.toolOutput() ?? "", /read-only|denied|not permitted/i)
          assert.strictEqual(logs.filter((line) => line.includes("wider permissions")).length, kind === "v1" ? 0 : 1)
        }).pipe(
          family(kind, {
            parent: [
              spawn(kind),
              wait(kind),
              Reply.text("done"),
              send(kind),
              Reply.after(gate, Reply.text("done"))
            ],
            child: [
              run("touch before"),
              Reply.text("done"),
              ...(kind === "v1" ? [run("touch after")] : []),
              Reply.text("done")
            ]
          }),
          Effect.provide(
            Logger.layer([Logger.make(({ message }) => void logs.push([message].flat().map(String).join(" ")))])
          )
        )
      }))

    it.live("stops a sub-agent that runs with a wider one when the turn starts", () =>
      Effect.gen(function*() {
        const { codex } = yield* setup
        const thread = yield* codex.threadStart({ sandbox: "fullAccess" })
        yield* thread.run("go")
        const request = yield* childRequest
        const result = yield* thread.run("again", { sandbox: "readOnly" })
        assert.strictEqual(yield* request.outcome, "aborted")
        assert.deepStrictEqual(result.subagents, { running: 0, stopped: 1 })
      }).pipe(
        family(kind, { parent: [spawn(kind), Reply.text("I do not wait"), Reply.text("done")], child: [Reply.hang] }),
        Effect.provide(Logger.layer([]))
      ))
  })
}

describe("stopping a goal", () => {
  it.live("stops its sub-agents", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const thread = yield* codex.threadStart()
      const goal = yield* thread.startGoal("Everything is done.")
      const request = yield* childRequest
      const ended = yield* childEnds(thread.id)
      yield* goal.interrupt
      const result = yield* goal.run
      assert.strictEqual(result.status, "interrupted")
      assert.deepStrictEqual(result.subagents, { running: 0, stopped: 1 })
      assert.strictEqual(yield* request.outcome, "aborted")
      yield* Fiber.join(ended)
      assert.deepInclude(router.stats(), { subagents: 0, roots: 0, turns: 0 })
    }).pipe(
      family("v1", { parent: [spawn("v1"), wait("v1")], child: [Reply.hang] }, {}, { goals: true })
    ))
})

describe("limits", () => {
  const silent: Lines = { parent: [Reply.hang] }

  it.live("idle: a turn of which nothing arrives is interrupted", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      const error = yield* Effect.flip(thread.run("go", { limits: { idle: "200 millis" } }))
      assert(error._tag === "TurnLimitError")
      assert.strictEqual(error.limit, "idle")
      assert.strictEqual(error.result.status, "interrupted")
    }).pipe(family("v1", silent)))

  it.live("duration: `stream` fails after its last event", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart()
      const events: Array<string> = []
      const error = yield* thread.stream("go", { limits: { duration: "300 millis" } }).pipe(
        Stream.runForEach(({ method }) => Effect.sync(() => events.push(method))),
        Effect.flip
      )
      assert(error._tag === "TurnLimitError")
      assert.strictEqual(error.limit, "duration")
      assert.strictEqual(events.at(-1), "turn/completed")
    }).pipe(family("v1", silent)))

  it.live("the nearest setting wins, field by field: turn, thread, source of a fork, Layer", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const limitOf = (run: ReturnType<typeof thread.run>) =>
        Effect.map(Effect.flip(run), (error) => error._tag === "TurnLimitError" ? error.limit : error._tag)
      const thread = yield* codex.threadStart({ limits: { duration: Infinity } })
      assert.strictEqual(yield* limitOf(thread.run("go")), "idle")
      assert.strictEqual(yield* limitOf(thread.run("go", { limits: { idle: "1 hour", duration: 250 } })), "duration")
      const fork = yield* codex.threadFork(thread.id)
      assert.strictEqual(yield* limitOf(fork.run("go", { limits: { idle: 600 } })), "idle")
      const other = yield* codex.threadStart()
      assert.strictEqual(yield* limitOf(other.run("go")), "duration")
      const invalid = yield* Effect.flip(other.run("go", { limits: { steps: -1 } }))
      assert.deepInclude(invalid, { _tag: "InvalidInputError", field: "limits.steps" })
    }).pipe(family("v1", silent, { limits: { idle: "500 millis", duration: "300 millis" } })))

  it.live("a turn that completes exactly at its limit succeeds", () =>
    Effect.gen(function*() {
      const { codex } = yield* setup
      const thread = yield* codex.threadStart({ limits: { steps: 2, tokens: 30 } })
      for (let round = 0; round < 5; round++) {
        const result = yield* thread.run("go")
        assert.strictEqual(result.finalResponse, "done")
        assert.strictEqual(result.usage?.turn.totalTokens, 30)
      }
    }).pipe(family("v1", {
      parent: Array.from({ length: 5 }).flatMap(() => [
        Reply.functionCall({ name: "exec_command", arguments: { cmd: "true" } }, { usage: { inputTokens: 10 } }),
        Reply.text("done", { usage: { inputTokens: 20 } })
      ])
    })))

  it.live("steps: a turn that would go on is interrupted", () =>
    Effect.gen(function*() {
      const { codex, model } = yield* setup
      const thread = yield* codex.threadStart()
      const error = yield* Effect.flip(thread.run("go", { limits: { steps: 1 } }))
      assert(error._tag === "TurnLimitError")
      assert.strictEqual(error.limit, "steps")
      assert.isAtMost((yield* model.requests).length, 2)
    }).pipe(family("v1", { parent: [run("true")] })))
})

describe("a thread after a limit", () => {
  it.live("is nothing: the thread takes another turn", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const thread = yield* codex.threadStart()
      const error = yield* Effect.flip(thread.run("wait", { limits: { duration: "200 millis" } }))
      assert.strictEqual(error._tag, "TurnLimitError")
      assert.strictEqual((yield* thread.run("again")).finalResponse, "again")
      assert.deepInclude(router.stats(), { turns: 0, pending: 0, followers: 0 })
    }).pipe(patient))
})
