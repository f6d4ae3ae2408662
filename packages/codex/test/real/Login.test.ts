/** Everything stays on this machine: no browser opens, and tokens come from a server of the test. */
import { TestCodex } from "@effect-codex/testing"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import * as AccountServer from "./accountServer.ts"
import { idle, serverOf, setup } from "./utils.ts"

/** Codex on a model provider that wants an OpenAI account, and an issuer of accounts that is not OpenAI. */
const withAccounts = Effect.provide(
  Layer.unwrap(AccountServer.AccountServer.useSync(({ url }) =>
    TestCodex.layer({
      client: {
        env: { OPENAI_API_KEY: "", CODEX_APP_SERVER_LOGIN_ISSUER: url, CODEX_APP_SERVER_CHATGPT_BASE_URL: url }
      },
      home: {
        config: {
          chatgpt_base_url: url,
          model_provider: "wants-account",
          model_providers: {
            "wants-account": {
              name: "Wants an account",
              base_url: url,
              wire_api: "responses",
              requires_openai_auth: true
            }
          }
        }
      }
    })
  )).pipe(Layer.provide(AccountServer.layer))
)

/** The request of the browser after the person has agreed. */
const visit = (authUrl: string) =>
  Effect.promise(async () => {
    const { searchParams } = new URL(authUrl)
    const callback = new URL(searchParams.get("redirect_uri")!)
    callback.search = new URLSearchParams({ code: "code", state: searchParams.get("state")! }).toString()
    return (await fetch(callback)).status
  })

describe("an API key", () => {
  it.live("logs in, shows in the account, and is forgotten by the logout", () =>
    Effect.gen(function*() {
      const { codex, home } = yield* setup
      assert.deepInclude(yield* codex.account(), { account: null, requiresOpenaiAuth: true })
      assert.isFalse(yield* codex.isLoggedIn)
      yield* codex.loginApiKey(Redacted.make("sk-test"))
      assert.deepStrictEqual((yield* codex.account()).account, { type: "apiKey" })
      assert.isTrue(yield* codex.isLoggedIn)
      const auth = () => readFileSync(join(home.codexHome, "auth.json"), "utf8")
      assert.include(auth(), "sk-test")
      yield* codex.logout
      assert.isNull((yield* codex.account()).account)
      assert.throws(auth)
    }).pipe(withAccounts))
})

describe("a login in the browser", () => {
  it.live("succeeds when the person comes back from there", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const login = yield* codex.loginChatgpt
      const waiting = yield* Effect.forkChild(login.wait, { startImmediately: true })
      assert.strictEqual(yield* visit(login.authUrl), 200)
      assert.deepInclude(yield* Fiber.join(waiting), { loginId: login.loginId, success: true, error: null })
      assert.deepInclude((yield* codex.account()).account, { type: "chatgpt", email: "person@example.com" })
      assert.strictEqual(yield* login.cancel, "notFound")
      assert.deepInclude(router.stats(), idle)
      yield* codex.logout
      assert.isNull((yield* codex.account()).account)
    }).pipe(withAccounts))

  it.live("has a URL that leads back to this machine, and can be cancelled before anybody waits", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const login = yield* codex.loginChatgpt
      assert.isNotEmpty(login.loginId)
      assert.match(
        new URL(login.authUrl).searchParams.get("redirect_uri")!,
        /^http:\/\/(localhost|127\.0\.0\.1):\d+\/auth\/callback$/
      )
      assert.strictEqual(yield* login.cancel, "canceled")
      const ended = yield* login.wait
      assert.deepInclude(ended, { loginId: login.loginId, success: false })
      assert.isNotEmpty(ended.error)
      assert.strictEqual(yield* login.cancel, "notFound")
      assert.deepInclude(router.stats(), idle)
    }).pipe(withAccounts))

  it.live("ends when another one replaces it; each hears of its own", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const first = yield* codex.loginChatgpt
      const waiting = yield* Effect.forkChild(first.wait, { startImmediately: true })
      const second = yield* codex.loginChatgpt
      const replaced = yield* Fiber.join(waiting)
      assert.deepInclude(replaced, { loginId: first.loginId, success: false })
      assert.isNotEmpty(replaced.error)
      assert.notStrictEqual(first.loginId, second.loginId)
      assert.strictEqual(yield* second.cancel, "canceled")
      assert.deepInclude(yield* second.wait, { loginId: second.loginId, success: false })
      assert.deepInclude(router.stats(), idle)
    }).pipe(withAccounts))

  it.live("fails when the process is gone", () =>
    Effect.gen(function*() {
      const { codex, home, router } = yield* setup
      const login = yield* codex.loginChatgpt
      const waiting = yield* Effect.forkChild(login.wait, { startImmediately: true })
      process.kill(yield* serverOf(home.codexHome), "SIGKILL")
      assert.strictEqual((yield* Effect.flip(Fiber.join(waiting)))._tag, "CodexConnectionError")
      assert.deepInclude(router.stats(), idle)
    }).pipe(withAccounts))
})

describe("a login with a code", () => {
  it.live("succeeds when the person has entered it", () =>
    Effect.gen(function*() {
      const { codex, router } = yield* setup
      const login = yield* codex.loginChatgptDeviceCode
      assert.strictEqual(login.userCode, "ABCD-1234")
      assert.match(login.verificationUrl, /\/codex\/device$/)
      assert.deepInclude(yield* login.wait, { loginId: login.loginId, success: true })
      assert.deepInclude((yield* codex.account()).account, { type: "chatgpt", email: "person@example.com" })
      assert.deepInclude(router.stats(), idle)
    }).pipe(withAccounts))
})
