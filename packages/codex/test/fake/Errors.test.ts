import { FakeAppServer } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import { Codex, CodexClient, CodexError, Transport } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { inspect } from "node:util"
import { fromResponse } from "../../src/model/connection/Metadata.ts"
import { rpcReason } from "../../src/model/errors/Refusal.ts"
import { ServerErrors } from "../../src/wire/ServerErrors.ts"
import { internalRouter } from "../internals.ts"
import { scenario } from "./scenario.ts"

const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`

/** Answers a method with a text of its own. */
const answering = (method: string, rest: string) =>
  Effect.flatMap(
    FakeAppServer.FakeAppServer,
    (server) => server.on(method, (_, { id }) => Effect.andThen(server.write(`{"id":${id},${rest}}\n`), Effect.never))
  )

/** Succeeds if the connection still serves. */
const stillServing = Effect.gen(function*() {
  const client = yield* CodexClient.CodexClient
  const server = yield* FakeAppServer.FakeAppServer
  yield* server.on("account/logout", () => Effect.succeed({}))
  assert.deepStrictEqual(yield* client.request("account/logout"), {})
})

const request = Effect.flatMap(CodexClient.CodexClient, (client) => Effect.flip(client.request("model/list", {})))

describe("data that is nested too deeply", () => {
  for (const levels of [5_000, 100_000]) {
    scenario(`in an error answer fails its request alone: ${levels} levels`, () =>
      Effect.gen(function*() {
        yield* answering("model/list", `"error":{"code":-32000,"message":"no","data":${nested(levels)}}`)
        const error = yield* request
        assert(error._tag === "CodexRpcError")
        assert.strictEqual(error.serverMessage, "no")
        assert.include(JSON.stringify(error.data), "…")
        yield* stillServing
      }))

    scenario(`in a result fails its request alone: ${levels} levels`, () =>
      Effect.gen(function*() {
        const client = yield* CodexClient.CodexClient
        yield* answering("model/list", `"result":{"data":${nested(levels)}}`)
        const exit = yield* Effect.exit(client.request("model/list", {}))
        assert.strictEqual(exit._tag, "Failure")
        yield* stillServing
      }))
  }
})

describe("a message that cannot be handled", () => {
  const logs: Array<string> = []
  scenario("is logged, and costs nothing else", () =>
    Effect.gen(function*() {
      const router = yield* internalRouter
      const stop = router.follow(undefined, {
        offer: () => {
          throw new Error("a bug\u001b[2J")
        },
        fail: () => {}
      })
      const server = yield* FakeAppServer.FakeAppServer
      yield* server.write(`{"method":"warning","params":{"message":"secret"}}\n`)
      yield* stillServing
      stop()
      assert.strictEqual(router.stats().badLines, 1)
      assert.include(logs.join("\n"), "cannot be handled (Error: a bug\\x1b[2J)")
    }), { logs })
})

describe("data that no string can hold", () => {
  it.effect("ends the connection for a reason that is not retryable", () =>
    Effect.gen(function*() {
      /** Imitates Node at the end of a line of 600 MB. */
      const tooLong = Layer.effect(
        Transport.Transport,
        Effect.map(Transport.Transport, ({ connect }) =>
          Transport.Transport.of({
            connect: Effect.map(connect, (connection) => ({
              ...connection,
              receive: (accept) =>
                connection.receive((texts) =>
                  accept(texts.map((text) => text.includes("huge") ? "x".repeat(2 ** 30) : text))
                )
            }))
          }))
      )
      const layer = Codex.layerTransport().pipe(
        Layer.provide(tooLong),
        Layer.provideMerge(FakeAppServer.layer())
      )
      yield* Effect.gen(function*() {
        yield* answering("model/list", `"result":"huge"`)
        const error = yield* request
        assert(error._tag === "CodexConnectionError" && error.reason._tag === "Unreadable")
        assert.include(error.message, "Invalid string length")
        assert.isFalse(CodexError.isRetryable(error))
      }).pipe(Effect.provide(layer))
    }))
})

describe("control characters of the server", () => {
  const hostile = "\u001b]0;owned\u0007\u009b31m\u202Egpj.exe\r"
  // oxlint-disable-next-line no-control-regex
  const controls = /[\0-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
  const logs: Array<string> = []

  scenario("reach no message and no log line", () =>
    Effect.gen(function*() {
      const server = yield* FakeAppServer.FakeAppServer
      yield* server.on("model/list", () => Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: hostile })))
      const error = yield* request
      assert(error._tag === "CodexRpcError")
      assert.strictEqual(error.serverMessage, hostile)
      for (const text of [error.message, String(error), inspect(error)]) assert.notMatch(text, controls)
      assert.include(error.message, "gpj.exe")
      yield* Effect.flip(server.ask("item/tool/call", { [hostile]: 1 } as never))
      assert.include(logs.join("\n"), "Refused item/tool/call")
      for (const line of logs) assert.notMatch(line, controls)
    }), { logs })
})

describe("secrets", () => {
  scenario("that a refusal echoes are hidden: the key of a login", () =>
    Effect.gen(function*() {
      const codex = yield* Codex.Codex
      const server = yield* FakeAppServer.FakeAppServer
      const key = "sk-very-secret"
      yield* server.on("account/login/start", () =>
        Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: `bad ${key}`, data: { key: [key] } })))
      const error = yield* Effect.flip(codex.loginApiKey(Redacted.make(key)))
      assert(error._tag === "CodexRpcError")
      assert.include(error.message, "bad <redacted>")
      assert.notInclude(inspect({ ...error, data: error.data }, { depth: 9 }), key)
    }))

  it("of a connection are hidden in the errors of its turns, too", () => {
    const errors = new ServerErrors()
    errors.open((text) => text.replaceAll("secret", "<redacted>"))
    const error = { message: "a secret", codexErrorInfo: null, additionalDetails: "one more secret" }
    const failed = errors.turnFailed({
      threadId: "t",
      id: "u",
      status: "failed",
      error,
      startedAt: null,
      completedAt: null,
      durationMs: null,
      finalResponse: null,
      items: [],
      usage: null,
      subagents: { running: 0, stopped: 0 }
    })
    assert.notInclude(JSON.stringify([failed.error, failed.result, failed.message]), "secret")
    errors.open(undefined)
    assert.strictEqual(errors.rpc({ method: "x" }, { message: "a secret" }).serverMessage, "a secret")
  })
})

describe("long texts of the server", () => {
  // Each took a square of its length: 25 and 51 seconds.
  it("are read in one pass: a refusal", () => {
    const text = "expected active turn id ".repeat(20_000)
    assert.strictEqual(rpcReason("turn/steer", -32600, text, undefined)._tag, "InvalidRequest")
    assert.deepStrictEqual(rpcReason("turn/steer", -32600, `${text}but found \`b\``, undefined), {
      _tag: "TurnMismatch",
      runningTurnId: "b"
    })
  })

  it("are read in one pass: a user agent", () => {
    const userAgent = `a/1.1.${"1".repeat(200_000)}/`
    assert.strictEqual(fromResponse({ userAgent })?.serverName, "a")
    assert.strictEqual(fromResponse({ userAgent: `${"a/".repeat(100_000)}0.171.0 (Linux)` })?.serverVersion, "0.171.0")
  })
})
