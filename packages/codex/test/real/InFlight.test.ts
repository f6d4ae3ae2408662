/** More at once than the server's queue holds. */
import { assert, describe, it } from "@effect/vitest"
import { Codex, type Thread } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { echoing, idle, setup } from "./utils.ts"

/** `npm run soak` raises it to 5. The server's queue holds about 128 requests. */
const load = Number(process.env["CODEX_LOAD"] ?? 1)

const many = { concurrency: "unbounded" } as const

describe("in flight", () => {
  it.live(`${600 * load} requests at once are all answered`, () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const requests = Array.from({ length: 600 * load }, () => codex.client.request("thread/list", { limit: 1 }))
      assert.lengthOf(yield* Effect.all(requests, many), 600 * load)
      assert.deepInclude(router.stats(), { ...idle, late: 0, strayAnswers: 0 })
    }).pipe(echoing), 120_000)

  it.live(`${200 * load} threads are started at once, and each is there`, () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const threads = yield* Effect.all(
        Array.from({ length: 200 * load }, () => codex.threadStart({ ephemeral: true })),
        many
      )
      const read = yield* Effect.all(threads.map((thread) => thread.read()), many)
      assert.deepStrictEqual(read.map(({ id }) => id), threads.map(({ id }) => id))
    }).pipe(echoing), 240_000)

  it.live(`${1_000 * load} mixed requests at once, turns among them, are all answered`, () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const { client } = codex
      const threads = yield* Effect.all(Array.from({ length: 20 }, () => codex.threadStart()), many)
      const kinds: ReadonlyArray<(index: number, thread: Thread.Thread) => Effect.Effect<unknown, unknown>> = [
        () => client.request("thread/list", { limit: 1 }),
        () => client.request("model/list", {}),
        () => client.request("config/read", { includeLayers: false }),
        () => client.request("account/read", {}),
        (_, thread) => thread.read(),
        (index, thread) => thread.setName(`name ${index}`),
        () => client.request("thread/loaded/list", {}),
        () => Effect.flip(codex.threadRead("no id")),
        () => client.request("skills/list", {}),
        // Turns of one thread wait for each other.
        (index, thread) =>
          Effect.map(thread.run(`turn ${index}`), (result) => assert.strictEqual(result.finalResponse, `turn ${index}`))
      ]
      const exits = yield* Effect.all(
        Array.from({ length: 100 * load }, (_, index) =>
          kinds.map((request) => Effect.exit(request(index, threads[index % threads.length]!)))).flat(),
        many
      )
      const failures = exits.flatMap((exit) =>
        Exit.isSuccess(exit) ? [] : [String(exit.cause)]
      )
      assert.deepStrictEqual(failures.slice(0, 5), [])
      assert.lengthOf(exits, 1_000 * load)
      assert.deepInclude(router.stats(), { ...idle, late: 0, strayAnswers: 0 })
    }).pipe(Effect.scoped, echoing), 240_000)

  it.live(
    `${200 * load} commands, which stay open, and 1,000 inputs for one are all answered`,
    () =>
      Effect.gen(function*() {
        const { codex, router } = yield* setup
        const { client } = codex
        const exec = client.request("command/exec", { command: ["true"] })
        const exits = yield* Effect.all(Array.from({ length: 200 * load }, () => exec), many)
        assert.deepStrictEqual(exits.map(({ exitCode }) => exitCode), Array.from(exits, () => 0))
        const processId = "cat"
        const running = yield* Effect.forkChild(
          client.request("command/exec", { command: ["cat"], processId, streamStdin: true, timeoutMs: 60_000 })
        )
        const write = (text: string, closeStdin = false) =>
          client.request("command/exec/write", {
            processId,
            closeStdin,
            deltaBase64: Buffer.from(text).toString("base64")
          })
        // The answer of another request shows that the command was read before.
        yield* client.request("thread/loaded/list", {})
        yield* Effect.all(Array.from({ length: 1000 }, () => write("x")), many)
        yield* write("", true)
        const { stdout } = yield* Fiber.join(running)
        assert.strictEqual(stdout.length, 1000)
        assert.deepInclude(router.stats(), { ...idle, late: 0, strayAnswers: 0 })
      }).pipe(echoing),
    120_000
  )
})
