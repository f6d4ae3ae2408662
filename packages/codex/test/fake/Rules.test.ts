/** Which handler gets what rules leave, and what handlers learn of file changes. */
import { FakeAppServer } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex, ServerRequests } from "effect-codex"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import { scenario } from "./scenario.ts"

const command = "item/commandExecution/requestApproval"
const fileChange = "item/fileChange/requestApproval"

const setup = Effect.all({ codex: Codex.Codex, server: FakeAppServer.FakeAppServer })

const asked = { turnId: "turn-1", itemId: "item-1", startedAtMs: 0 }

const decide = (decision: "accept" | "cancel"): ServerRequests.ServerRequestHandlers => ({
  [command]: () => Effect.succeed({ decision })
})

describe("what rules leave", () => {
  scenario("goes from the thread to the thread above it, and then to the client", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const thread = yield* codex.threadStart({
        serverRequests: ServerRequests.rules([{ action: "allow", command: ["ls"] }])
      })
      const fork = yield* codex.threadFork(thread.id, {
        serverRequests: ServerRequests.rules([{ action: "allow", command: ["cat"] }, {
          action: "decline",
          command: ["rm"]
        }])
      })
      const decisionOn = (threadId: string, text: string) =>
        Effect.map(server.ask(command, { ...asked, threadId, command: text }), (answer) => Object(answer).decision)
      assert.strictEqual(yield* decisionOn(fork.id, "cat x"), "accept")
      assert.strictEqual(yield* decisionOn(fork.id, "ls x"), "accept")
      assert.strictEqual(yield* decisionOn(fork.id, "rm x"), "decline")
      assert.strictEqual(yield* decisionOn(fork.id, "who"), "cancel")
      assert.strictEqual(yield* decisionOn(thread.id, "ls x"), "accept")
      assert.strictEqual(yield* decisionOn(thread.id, "cat x"), "cancel")
    }), { client: { serverRequests: decide("cancel") } })

  scenario("is declined if nobody else answers, and where the thread above is unknown", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const thread = yield* codex.threadStart({
        serverRequests: ServerRequests.rules([{ action: "allow", command: ["ls"] }])
      })
      const ask = (threadId: string, text: string) => server.ask(command, { ...asked, threadId, command: text })
      assert.deepStrictEqual(yield* ask(thread.id, "who"), { decision: "decline" })
      assert.deepStrictEqual(yield* ask(thread.id, "ls"), { decision: "accept" })
      assert.deepStrictEqual(yield* ask("unknown", "ls"), { decision: "decline" })
    }))

  scenario(
    "goes to a handler that knows the changes, after the rules have followed their links",
    () =>
      Effect.gen(function*() {
        const { codex, server } = yield* setup
        const thread = yield* codex.threadStart({
          serverRequests: ServerRequests.orElse(
            ServerRequests.rules([{ action: "allow", path: "/src" }, { action: "allow", command: ["ls"] }], {
              files: FileSystem.makeNoop({ realPath: (path) => Effect.succeed(path) })
            }),
            {
              [fileChange]: (_, { changes }) =>
                Effect.succeed({ decision: changes === undefined ? "cancel" : "decline" })
            }
          )
        })
        const item = (id: string, path: string) => ({
          threadId: thread.id,
          turnId: "turn-1",
          item: {
            type: "fileChange" as const,
            id,
            status: "inProgress" as const,
            changes: [{ path, kind: { type: "add" as const }, diff: "" }]
          }
        })
        const ask = (itemId: string) =>
          Effect.map(
            server.ask(fileChange, { ...asked, itemId, threadId: thread.id }),
            (answer) => Object(answer).decision
          )
        yield* server.notify("item/started", { ...item("in", "/src/a"), startedAtMs: 0 })
        yield* server.notify("item/started", { ...item("out", "/etc/a"), startedAtMs: 0 })
        assert.strictEqual(yield* ask("in"), "accept")
        assert.strictEqual(yield* ask("out"), "decline")
        // Nobody knows what changes.
        assert.strictEqual(yield* ask("other"), "cancel")
        yield* server.notify("item/completed", { ...item("in", "/src/a"), completedAtMs: 0 })
        assert.strictEqual(yield* ask("in"), "cancel")
      })
  )
})
