/**
 * Logins of the Promise API, which a person completes in a browser or with a code.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as EffectLogin from "../Login.ts"
import { promise, type SignalOptions } from "./Runner.ts"

/**
 * An attempt to log in.
 *
 * @category models
 */
export interface Login {
  /** The server's id of the attempt. */
  readonly loginId: string
  /** Waits for the end of the attempt: `success` is true, or `error` is the reason. An abort ends the waiting, not the attempt. */
  readonly wait: (options?: SignalOptions) => Promise<Protocol.AccountLoginCompletedNotification>
  /** Cancels the attempt (`account/login/cancel`). */
  readonly cancel: () => Promise<Protocol.CancelLoginAccountStatus>
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

/** Returns a login of the Promise API. */
export const make = <L extends EffectLogin.Login>({ cancel, wait, ...login }: L) => ({
  ...login,
  wait: ({ signal }: SignalOptions = {}) => promise(wait, signal),
  cancel: () => promise(cancel)
})
