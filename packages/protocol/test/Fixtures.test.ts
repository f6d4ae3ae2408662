import { assert, describe, it } from "@effect/vitest"
import * as Result from "effect/Result"
import * as Methods from "../src/Methods.ts"
import { decoderOf, newest, received, versions } from "./utils/transcript.ts"

const at = (value: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>((current, key) => (current as Record<string, unknown>)[key], value)

describe("captures of real servers", () => {
  it("exist for each supported version", () => {
    assert.deepStrictEqual(versions, ["0.130.0", "0.140.0", "0.150.0", "0.160.0", "0.169.0", "0.171.0"])
  })

  for (const version of versions) {
    const messages = received(version)

    it(`every message of ${version} is known and conforms as it is`, () => {
      for (const message of messages) {
        const decoder = decoderOf(message)
        assert.isDefined(decoder, `${message.kind} ${message.method}`)
        const decoded = Methods.decode(decoder!, message.payload)
        assert.isTrue(
          Result.isSuccess(decoded) && decoded.success === message.payload,
          `${message.kind} ${message.method}`
        )
      }
    })

    it(`every event of ${version} carries the ids that its route says`, () => {
      for (const { kind, method, payload } of messages) {
        if (kind === "response") continue
        const table = kind === "notification" ? Methods.serverNotifications : Methods.serverRequests
        const route: Methods.Route = table.get(method)!
        if (route.thread !== null && !route.threadOptional) assert.isString(at(payload, route.thread), method)
        if (route.turn !== null && !route.turnOptional) assert.isString(at(payload, route.turn), method)
      }
    })
  }

  it("cover the life of a turn, and each kind of server request that a scripted model can cause", () => {
    const seen = new Set(received(newest).map(({ kind, method }) => `${kind} ${method}`))
    for (
      const expected of [
        "response thread/start",
        "response thread/read",
        "notification turn/started",
        "notification item/agentMessage/delta",
        "notification item/reasoning/summaryTextDelta",
        "notification item/completed",
        "notification thread/tokenUsage/updated",
        "notification error",
        "notification turn/completed",
        "request item/commandExecution/requestApproval",
        "request item/fileChange/requestApproval",
        "request item/tool/call"
      ]
    ) assert.isTrue(seen.has(expected), expected)
  })
})
