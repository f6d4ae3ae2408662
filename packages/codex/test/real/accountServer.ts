/**
 * The servers that the real binary uses for a login: an issuer of tokens, and the backend that knows the account, on the
 * loopback interface. Everybody is let in as `person@example.com`.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"

export class AccountServer extends Context.Service<AccountServer, { readonly url: string }>()("test/AccountServer") {}

const accountId = "account-1"

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url")

/** The binary does not check the signature. */
const token = [
  encode({ alg: "none", typ: "JWT" }),
  encode({
    email: "person@example.com",
    exp: 4_102_444_800,
    "https://api.openai.com/auth": {
      chatgpt_account_id: accountId,
      chatgpt_plan_type: "pro",
      chatgpt_user_id: "user-1"
    }
  }),
  "signature"
].join(".")

/** The responses by the end of the path. */
const answers: ReadonlyArray<readonly [path: string, body: unknown]> = [
  ["/deviceauth/usercode", { device_auth_id: "device-1", user_code: "ABCD-1234", interval: "1" }],
  ["/deviceauth/token", { authorization_code: "code", code_challenge: "challenge", code_verifier: "verifier" }],
  ["/oauth/token", { id_token: token, access_token: token, refresh_token: "refresh" }],
  ["/codex/usage", {
    plan_type: "pro",
    rate_limit: {
      allowed: true,
      limit_reached: false,
      primary_window: {
        used_percent: 12,
        limit_window_seconds: 18_000,
        reset_after_seconds: 60,
        reset_at: 1_900_000_000
      },
      secondary_window: null
    },
    credits: null
  }],
  ["/accounts/check", {
    accounts: [{
      id: accountId,
      name: "workspace",
      plan_type: "pro",
      workspace_backend_origin: "https://localhost",
      account_routing_override: "NO_CONSTRAINT"
    }],
    account_ordering: [accountId],
    default_account_id: accountId
  }]
]

export const layer: Layer.Layer<AccountServer> = Layer.effect(
  AccountServer,
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<Http.Server>((resume) => {
        const server = Http.createServer((request, response) => {
          request.resume()
          const path = request.url?.split("?")[0] ?? ""
          const answer = answers.find(([end]) => path.endsWith(end))
          response.writeHead(answer === undefined ? 404 : 200, { "content-type": "application/json" })
          response.end(JSON.stringify(answer?.[1] ?? {}))
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    (server) => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })
  )
)
