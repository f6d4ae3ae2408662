import { FakeAppServer } from "@effect-codex/testing"
import { assert, describe } from "@effect/vitest"
import { Codex } from "effect-codex"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Redacted from "effect/Redacted"
import { idle, inBackground, scenario } from "./scenario.ts"

const setup = Effect.gen(function*() {
  return { server: yield* FakeAppServer.FakeAppServer, codex: yield* Codex.Codex }
})

const completed = (loginId: string, success = true, error: string | null = null) => ({ loginId, success, error })

const browser = (loginId: string) => ({ type: "chatgpt" as const, loginId, authUrl: `https://example.com/${loginId}` })

const deviceCode = {
  type: "chatgptDeviceCode" as const,
  loginId: "login-1",
  verificationUrl: "https://example.com/device",
  userCode: "ABCD-1234"
}

describe("a login", () => {
  scenario("in the browser has a URL, and ends with its own completion", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("account/login/start", () => browser("login-1"))
      const login = yield* codex.loginChatgpt
      assert.deepInclude(login, { loginId: "login-1", authUrl: "https://example.com/login-1" })
      assert.deepStrictEqual((yield* server.awaitRequest("account/login/start")).params, { type: "chatgpt" })
      const waiting = yield* inBackground(login.wait)
      yield* server.notify("account/login/completed", completed("another"))
      yield* server.notify("account/login/completed", { loginId: null, success: true })
      yield* server.notify("account/login/completed", completed("login-1"))
      assert.deepStrictEqual(yield* Fiber.join(waiting), completed("login-1"))
      // At whatever time, any number of times.
      assert.deepStrictEqual(yield* login.wait, completed("login-1"))
    }))

  scenario("with a code has the code and where to enter it", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("account/login/start", () => deviceCode)
      const login = yield* codex.loginChatgptDeviceCode
      const { type: _, ...details } = deviceCode
      assert.deepInclude(login, details)
      assert.deepStrictEqual((yield* server.awaitRequest("account/login/start")).params, { type: "chatgptDeviceCode" })
      yield* server.notify("account/login/completed", completed("login-1", false, "denied"))
      assert.deepStrictEqual(yield* login.wait, completed("login-1", false, "denied"))
    }))

  scenario("that is over before it was answered is not lost", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("account/login/start", () =>
        Effect.as(
          server.notifyAll([
            { method: "account/login/completed", params: completed("another") },
            { method: "account/login/completed", params: completed("login-1") }
          ]),
          browser("login-1")
        ))
      const login = yield* codex.loginChatgpt
      yield* idle
      assert.deepStrictEqual(yield* login.wait, completed("login-1"))
    }))

  scenario("can be cancelled; later callers of wait receive its end", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("account/login/start", () => browser("login-1"))
      yield* server.on("account/login/cancel", () =>
        Effect.as(
          server.notify("account/login/completed", completed("login-1", false, "cancelled")),
          { status: "canceled" }
        ))
      const login = yield* codex.loginChatgpt
      assert.strictEqual(yield* login.cancel, "canceled")
      assert.deepStrictEqual((yield* server.awaitRequest("account/login/cancel")).params, { loginId: "login-1" })
      assert.deepStrictEqual(yield* login.wait, completed("login-1", false, "cancelled"))
    }))

  scenario("that another one replaces ends; each hears of its own", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      let attempts = 0
      yield* server.on("account/login/start", () => {
        const previous = `login-${attempts++}`
        return Effect.as(
          attempts === 1
            ? Effect.void
            : server.notify("account/login/completed", completed(previous, false, "replaced")),
          browser(`login-${attempts}`)
        )
      })
      const first = yield* codex.loginChatgpt
      const waiting = yield* inBackground(first.wait)
      const second = yield* codex.loginChatgpt
      assert.deepStrictEqual(yield* Fiber.join(waiting), completed("login-1", false, "replaced"))
      yield* server.notify("account/login/completed", completed("login-2"))
      assert.deepStrictEqual(yield* second.wait, completed("login-2"))
    }))

  scenario("fails when the connection is lost", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("account/login/start", () => browser("login-1"))
      const login = yield* codex.loginChatgpt
      const waiting = yield* inBackground(login.wait)
      yield* server.crash()
      const error = yield* Effect.flip(Fiber.join(waiting))
      assert.strictEqual(error._tag, "CodexConnectionError")
      assert.strictEqual(yield* Effect.flip(login.wait), error)
      assert.strictEqual((yield* Effect.flip(login.cancel))._tag, "CodexConnectionError")
    }))

  scenario("fails if its completion can't be read", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("account/login/start", () => browser("login-1"))
      const login = yield* codex.loginChatgpt
      yield* server.notify(
        "account/login/completed",
        FakeAppServer.verbatim({ loginId: "another", success: "perhaps" })
      )
      yield* server.notify(
        "account/login/completed",
        FakeAppServer.verbatim({ loginId: "login-1", success: "perhaps" })
      )
      const error = yield* Effect.flip(login.wait)
      assert(error._tag === "CodexDecodeError")
      assert.strictEqual(error.method, "account/login/completed")
    }))

  scenario(
    "that can't be started, or is answered with something else, leaves nothing behind",
    () =>
      Effect.gen(function*() {
        const { codex, server } = yield* setup
        yield* server.on(
          "account/login/start",
          () => Effect.fail(new FakeAppServer.RpcError({ code: -32603, message: "no network" }))
        )
        assert.strictEqual((yield* Effect.flip(codex.loginChatgptDeviceCode))._tag, "CodexRpcError")
        yield* server.on("account/login/start", () => browser("login-1"))
        const error = yield* Effect.flip(codex.loginChatgptDeviceCode)
        assert(error._tag === "CodexDecodeError")
        assert.include(error.message, "chatgptDeviceCode")
        yield* server.on("account/login/start", () => Effect.never)
        const starting = yield* inBackground(codex.loginChatgpt)
        yield* server.awaitRequest("account/login/start", 2)
        yield* Fiber.interrupt(starting)
      })
  )
})

describe("the account", () => {
  const key = "sk-very-secret"

  scenario("an API key is sent, and shows nowhere else", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      yield* server.on("account/login/start", () => ({ type: "apiKey" as const }))
      yield* codex.loginApiKey(Redacted.make(key))
      assert.deepStrictEqual((yield* server.awaitRequest("account/login/start")).params, {
        type: "apiKey",
        apiKey: key
      })
      yield* server.on(
        "account/login/start",
        () => Effect.fail(new FakeAppServer.RpcError({ code: -32600, message: "not this one" }))
      )
      const exit = yield* Effect.exit(codex.loginApiKey(Redacted.make(key)))
      assert.isTrue(Exit.isFailure(exit))
      assert.notInclude(`${JSON.stringify(exit)}${String(exit)}`, key)
      yield* server.crash()
      assert.notInclude(String(yield* Effect.exit(codex.loginApiKey(Redacted.make(key)))), key)
    }))

  scenario("what is too long for an API key is refused before anything is sent", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const error = yield* Effect.flip(codex.loginApiKey(Redacted.make("k".repeat(20_000))))
      assert.deepInclude(error, { _tag: "InvalidInputError", field: "apiKey" })
      assert.include(error.message, "20000 characters")
      assert.lengthOf((yield* server.requests).filter(({ method }) => method === "account/login/start"), 0)
    }))

  scenario("is read, renewed if asked, and left", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const account = { type: "chatgpt" as const, email: "a@example.com", planType: "pro" }
      yield* server.on("account/read", () => ({ account, requiresOpenaiAuth: true }))
      yield* server.on("account/logout", () => ({}))
      assert.deepStrictEqual(yield* codex.account(), { account, requiresOpenaiAuth: true })
      yield* codex.account({ refreshToken: true })
      assert.deepStrictEqual((yield* server.awaitRequest("account/read", 0)).params, {})
      assert.deepStrictEqual((yield* server.awaitRequest("account/read", 1)).params, { refreshToken: true })
      assert.isUndefined(yield* codex.logout)
      yield* server.awaitRequest("account/logout")
    }))

  scenario("is needed or not, depending on the model provider", () =>
    Effect.gen(function*() {
      const { codex, server } = yield* setup
      const account = { type: "chatgpt" as const, email: "a@example.com", planType: "pro" }
      for (
        const [response, expected] of [
          [{ account, requiresOpenaiAuth: true }, true],
          [{ account: null, requiresOpenaiAuth: true }, false],
          [{ requiresOpenaiAuth: true }, false],
          [{ account: null, requiresOpenaiAuth: false }, true]
        ] as const
      ) {
        yield* server.on("account/read", () => response)
        assert.strictEqual(yield* codex.isLoggedIn, expected)
      }
    }))
})
