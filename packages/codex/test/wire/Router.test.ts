/** Messages are routed by the ids that the protocol's tables name. */
import * as Methods from "@effect-codex/protocol/Methods"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
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
