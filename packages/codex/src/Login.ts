/**
 * Logins that a person completes in a browser or with a code. `codex.loginChatgpt` and `codex.loginChatgptDeviceCode` start one.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Predicate from "effect/Predicate"
import type { Services } from "./capabilities/Services.ts"
import { type CodexConnectionError, CodexDecodeError, type RequestError } from "./model/errors/CodexError.ts"
import * as Notification from "./model/turns/Notification.ts"
import type { Router } from "./wire/Router.ts"
import { undecodable } from "./wire/RunningTurn.ts"

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
    const attempt = new Attempt(router)
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
          wait: attempt.completion(loginId),
          cancel: Effect.map(client.request("account/login/cancel", { loginId }), ({ status }) => status)
        })
      }),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Effect.sync(attempt.close))
    )
  })

const method = "account/login/completed"

/**
 * The completion of one login. It listens before the request is sent, while the id of the login is still unknown, and until the
 * login has ended.
 */
class Attempt {
  private readonly result = Deferred.makeUnsafe<Protocol.AccountLoginCompletedNotification, LoginError>()
  /** Completions that arrived before the id was known. */
  private readonly early: Array<Notification.Raw> = []
  private loginId: string | undefined

  /** Stops listening. */
  readonly close: () => void

  constructor(router: Router["Service"]) {
    this.close = router.follow(undefined, {
      offer: (raw) => {
        if (raw["method"] !== method) return
        if (this.loginId === undefined) this.early.push(raw)
        else this.take(raw)
      },
      fail: (error) => this.end(Exit.fail(error))
    })
  }

  /** Waits for the end of the login with this id. */
  completion(loginId: string): Login["wait"] {
    this.loginId = loginId
    for (const raw of this.early.splice(0)) this.take(raw)
    return Deferred.await(this.result)
  }

  private take(raw: Notification.Raw): void {
    const event = Notification.fromMessage(raw)
    if (event.method === method) {
      if (event.params.loginId === this.loginId) this.end(Exit.succeed(event.params))
    } else if (event.method === "$undecodable" && idOf(raw) === this.loginId) {
      this.end(Exit.fail(undecodable(event)))
    }
  }

  private end(exit: Exit.Exit<Protocol.AccountLoginCompletedNotification, LoginError>): void {
    this.close()
    Deferred.doneUnsafe(this.result, exit)
  }
}

const idOf = ({ params }: Notification.Raw): unknown => Predicate.isObject(params) ? params["loginId"] : undefined
