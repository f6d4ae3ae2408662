/**
 * Logins that a person completes in a browser or with a code. `codex.loginChatgpt` and `codex.loginChatgptDeviceCode` start one.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Services } from "./capabilities/Services.ts"
import { type CodexConnectionError, CodexDecodeError, type RequestError } from "./model/errors/CodexError.ts"
import { Completion } from "./wire/Completion.ts"

/**
 * An attempt to log in. The server has one attempt at a time: starting another, in any process of this machine, ends it.
 *
 * @category models
 */
export interface Login {
  /** The server's id of the attempt. */
  readonly loginId: string
  /**
   * Waits for the end of the attempt, and returns it: `success` is true, or `error` is the reason (denied, cancelled, replaced by
   * another attempt). Fails when the connection is lost. It can run any number of times, even after the end.
   */
  readonly wait: Effect.Effect<Protocol.AccountLoginCompletedNotification, LoginError>
  /**
   * Cancels the attempt (`account/login/cancel`). Returns `"canceled"`, and `wait` then returns without success; returns
   * `"notFound"` if the attempt has ended already.
   */
  readonly cancel: Effect.Effect<Protocol.CancelLoginAccountStatus, RequestError>
}

/**
 * A login in the browser. The program has to show or open the URL.
 *
 * @category models
 */
export interface ChatgptLogin extends Login {
  /** The URL at which the person logs in. It redirects the browser to a port of this machine. */
  readonly authUrl: string
}

/**
 * A login with a code, for a machine without a browser.
 *
 * @category models
 */
export interface DeviceCodeLogin extends Login {
  /** The URL at which the person enters the code, on any device. */
  readonly verificationUrl: string
  /** The code to enter. */
  readonly userCode: string
}

/** Errors of waiting for the end of a login. */
export type LoginError = CodexConnectionError | CodexDecodeError

/** @internal Starts a login in the browser. */
export const chatgpt = (services: Services): Effect.Effect<ChatgptLogin, RequestError> =>
  start(
    services,
    "chatgpt",
    (response) => response.type === "chatgpt" ? { loginId: response.loginId, authUrl: response.authUrl } : undefined
  )

/** @internal Starts a login with a code. */
export const chatgptDeviceCode = (services: Services): Effect.Effect<DeviceCodeLogin, RequestError> =>
  start(services, "chatgptDeviceCode", (response) =>
    response.type === "chatgptDeviceCode"
      ? { loginId: response.loginId, verificationUrl: response.verificationUrl, userCode: response.userCode }
      : undefined)

const start = <A extends { readonly loginId: string }>(
  { client, router }: Services,
  type: "chatgpt" | "chatgptDeviceCode",
  pick: (response: Protocol.LoginAccountResponse) => A | undefined
): Effect.Effect<A & Login, RequestError> =>
  Effect.suspend(() => {
    const completion = new Completion(router, "account/login/completed")
    return client.request("account/login/start", { type }).pipe(
      Effect.flatMap((raw) => {
        const details = pick(raw)
        if (details === undefined) {
          return Effect.fail(
            new CodexDecodeError({ method: "account/login/start", issue: `the response is not of type ${type}`, raw })
          )
        }
        const { loginId } = details
        return Effect.succeed({
          ...details,
          wait: completion.when((params) => params["loginId"] === loginId),
          cancel: Effect.map(client.request("account/login/cancel", { loginId }), ({ status }) => status)
        })
      }),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Effect.sync(completion.close))
    )
  })
