/**
 * The options of a client: they apply to a server of any kind, however it is reached.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as options from "../base/options.ts"
import { declineAll } from "./ApprovalHandlers.ts"
import { check } from "./check.ts"
import type { InvalidInputError } from "./CodexError.ts"
import * as Limits from "./Limits.ts"
import type * as ServerRequests from "./ServerRequests.ts"
import { version } from "./version.ts"

/**
 * The options of a client. All may be left out.
 *
 * `R` is what the handlers in `serverRequests` require; the Layer then requires it too.
 *
 * @category models
 */
export interface ClientOptions<out R = never> {
  /** The name and version of your program, sent in `initialize`. Default: this package and its version. */
  readonly clientInfo?:
    | { readonly name: string; readonly version: string; readonly title?: string | undefined }
    | undefined
  /** Opts into the protocol's experimental methods and fields. Default: `true`. */
  readonly experimentalApi?: boolean | undefined
  /** Methods of notifications that the server must not send, e.g. `["item/reasoning/textDelta"]`. Default: none. */
  readonly optOutNotifications?: ReadonlyArray<string> | undefined
  /** How long connecting may take, up to the response to `initialize`. Default: 10 seconds. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /** How long the response to a request may take. It does not limit the length of a turn. Default: 60 seconds. */
  readonly requestTimeout?: Duration.Input | undefined
  /**
   * How many requests may be in flight at once; more wait until one is answered. The server drops requests without an answer
   * when more than about 128 reach it at once. Requests that stay open, such as `command/exec`, and those that steer or
   * interrupt a turn do not count. Default: 100.
   */
  readonly maxInFlight?: number | undefined
  /** Answers the server's requests: approvals, tool calls, user input. Default: `ServerRequests.declineAll`. */
  readonly serverRequests?: ServerRequests.ServerRequestHandlers<R> | undefined
  /** Limits for the turns of all threads: see `Limits`. Default: none. */
  readonly limits?: Limits.Limits | undefined
  /** Connects again by this schedule when the connection is lost. Default: `false`, a lost connection stays lost. */
  readonly restart?: Schedule.Schedule<unknown, unknown> | false | undefined
}

/** The values of the options that were left out. */
export const defaults = {
  handshakeTimeout: "10 seconds",
  requestTimeout: "60 seconds",
  maxInFlight: 100,
  experimentalApi: true
} as const satisfies ClientOptions

const clientInfo: options.Check = (value) => {
  if (!Predicate.isObject(value)) return "it is not an object with a name and a version"
  for (const part of ["name", "version"]) {
    const text = value[part]
    if (typeof text === "string" && text.trim() !== "") continue
    return { field: `clientInfo.${part}`, detail: "it is empty; the server refuses clients without one" }
  }
  return undefined
}

/** Accepts an object whose names are methods of the server, and whose values are functions. */
export const serverRequests: options.Check = (value) => {
  if (!Predicate.isObject(value)) return "it is not an object of handlers"
  for (const [method, handler] of Object.entries(value)) {
    if (handler === undefined) continue
    if (!Object.hasOwn(declineAll, method)) {
      return options.unknownName(method, "a request of the server", declineAll)
    }
    if (typeof handler !== "function") return `the handler of ${method} is not a function`
  }
  return undefined
}

/** One check for each option. */
export const checks: options.Checks<ClientOptions> = {
  clientInfo,
  experimentalApi: options.flag,
  optOutNotifications: options.texts,
  handshakeTimeout: options.timeout,
  requestTimeout: options.timeout,
  maxInFlight: options.count,
  serverRequests,
  limits: Limits.check,
  restart: (value) => value === false || Schedule.isSchedule(value) ? undefined : "it is not a Schedule, and not false"
}

/** Fails with the first mistake among the options of a client. */
export const validate = (given: ClientOptions<unknown>): Effect.Effect<void, InvalidInputError> => check(given, checks)

/**
 * The client options among the options of a Layer.
 *
 * @category constructors
 */
export const pick = <R>(given: ClientOptions<R>): ClientOptions<R> => options.pick<ClientOptions<R>>(given, checks)

/** The parameters of `initialize`. */
export const initializeParams = (given: ClientOptions<unknown>): Protocol.InitializeParams => ({
  clientInfo: { title: null, ...(given.clientInfo ?? { name: "effect-codex", version }) },
  capabilities: {
    experimentalApi: given.experimentalApi ?? defaults.experimentalApi,
    requestAttestation: false,
    ...(given.optOutNotifications === undefined ? {} : { optOutNotificationMethods: given.optOutNotifications })
  }
})
