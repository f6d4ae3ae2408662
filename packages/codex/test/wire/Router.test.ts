/** Messages are routed by the ids that the protocol's tables name. */
import * as Methods from "@effect-codex/protocol/Methods"
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Connection } from "../../src/model/connection/Transport.ts"
import { CodexConnectionError } from "../../src/model/errors/CodexError.ts"
import * as Router from "../../src/wire/Router.ts"

const threadId = "a-thread"
const turnId = "a-turn"

/** Parameters that have their ids where the table says, and nothing else. */
const params = ({ thread, turn }: Methods.Route) => ({ ...at(thread, threadId), ...at(turn, turnId) })

const at = (path: string | null, id: string) => {
  const [first, second] = path?.split(".") ?? []
  return first === undefined ? {} : { [first]: second === undefined ? id : { [second]: id } }
}

const nothing = () => undefined

const tokens = (totalTokens: number) => ({
  totalTokens,
  inputTokens: totalTokens,
  cachedInputTokens: 0,
  cacheWriteInputTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0
})

const expected = ({ thread, turn }: Methods.Route) => ({
  threadId: thread === null ? undefined : threadId,
  turnId: turn === null ? undefined : turnId
})

describe("a message reaches the thread and the turn that the protocol names:", () => {
  for (const [method, route] of Methods.serverNotifications as ReadonlyMap<string, Methods.Route>) {
    it.effect(method, () =>
      Effect.gen(function*() {
        const router = yield* Router.make
        const heard: Array<{ readonly threadId: string | undefined; readonly turnId: string | undefined }> = []
        for (const followed of [undefined, threadId]) {
          router.follow(followed, {
            offer: (_, turnId) => heard.push({ threadId: followed, turnId }),
            fail: () => undefined
          })
        }
        router.accept([JSON.stringify({ method, params: params(route) })])
        assert.deepStrictEqual(heard, [expected(route)])
      }))
  }

  for (const [method, route] of Methods.serverRequests as ReadonlyMap<string, Methods.Route>) {
    it.effect(method, () =>
      Effect.gen(function*() {
        const router = yield* Router.make
        const heard: Array<Router.Incoming> = []
        router.serve({
          request: (request) => heard.push(request),
          resolved: nothing,
          turnEnded: nothing,
          lost: nothing
        })
        router.accept([JSON.stringify({ id: 1, method, params: params(route) })])
        assert.deepStrictEqual(heard, [{ id: 1, key: "1", method, params: params(route), ...expected(route) }])
      }))
  }
})

describe("a turn whose start was lost with the connection", () => {
  it.effect("counts all of its tokens, also those that are reported before it is found", () =>
    Effect.gen(function*() {
      const router = yield* Router.make
      const connection: Connection = {
        receive: () => Effect.never,
        send: () => Effect.void,
        serverContinues: true
      }
      const notify = (method: string, params: object) =>
        router.accept([JSON.stringify({ method, params: { threadId, turnId, ...params } })])
      const report = (total: number) =>
        notify("thread/tokenUsage/updated", {
          tokenUsage: { total: tokens(total), last: tokens(10), modelContextWindow: null }
        })
      const look = (items: ReadonlyArray<object>, looks: number) =>
        router.rejoining.rejoined(
          threadId,
          { thread: { turns: [{ id: turnId, status: "inProgress", items }] } },
          looks
        )
      router.open(connection)
      const expected = router.expectTurn(threadId, { clientId: "mine", events: false })
      router.suspend(new CodexConnectionError({ reason: { _tag: "Disconnected" } }))
      router.open(connection)
      assert.isTrue(look([], 0).isPending)
      report(20)
      look([{ type: "userMessage", id: "m", clientId: "mine", content: [] }], 1)
      const started = yield* expected.outcome!
      report(30)
      // The first one waits until the usage is certain.
      for (let times = 0; times < 2; times++) {
        notify("turn/completed", {
          turn: { id: turnId, items: [], itemsView: "notLoaded", status: "completed", error: null }
        })
      }
      const { usage } = yield* Deferred.await(started!.turn.result)
      assert.strictEqual(usage?.turn.totalTokens, 30)
    }))
})
