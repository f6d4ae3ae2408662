/**
 * Options of a client. They apply to every transport.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schedule from "effect/Schedule"
import * as options from "../../base/options.ts"
import { check } from "../errors/check.ts"
import type { InvalidInputError } from "../errors/CodexError.ts"
import { declineAll } from "../requests/ApprovalHandlers.ts"
import type * as ServerRequests from "../requests/ServerRequests.ts"
import * as Limits from "../turns/Limits.ts"
import { version } from "./version.ts"

/**
 * Options of a client. All are optional.
 *
 * `R` are the services that the handlers in `serverRequests` require; the Layer then requires them too.
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
  /** Methods of notifications that the server must not send, such as `["item/reasoning/textDelta"]`. Default: none. */
  readonly optOutNotifications?: ReadonlyArray<string> | undefined
  /** The time limit for connecting, up to the response to `initialize`. Default: 10 seconds. */
  readonly handshakeTimeout?: Duration.Input | undefined
  /** The time limit for the response to a request. It does not limit the length of a turn. Default: 60 seconds. */
  readonly requestTimeout?: Duration.Input | undefined
  /**
   * The largest number of requests in flight. Further requests wait until one is answered, because the server silently drops
   * requests when more than about 128 arrive at once. Requests that stay open, such as `command/exec`, and requests that steer
   * or interrupt a turn do not count; at most 16 of them are sent before the server has read them. Default: 100.
   */
  readonly maxInFlight?: number | undefined
  /**
   * Handlers for the server's requests: approvals, tool calls, questions to the user. Methods without a handler are answered by
   * `ServerRequests.declineAll`. Default: none.
   */
  readonly serverRequests?: ServerRequests.ServerRequestHandlers<R> | undefined
  /** Limits of the turns of all threads: see `Limits`. Default: none. */
  readonly limits?: Limits.Limits | undefined
  /** The schedule by which a lost connection is opened again. Default: `false`, a lost connection stays lost. */
  readonly restart?: Schedule.Schedule<unknown, unknown> | false | undefined
}

/**
 * The default values of the options.
 *
 * @category models
 */
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
    return { field: `clientInfo.${part}`, detail: "it is empty; the server refuses clients without it" }
  }
  const mistake = options.findMistake(value, {
    name: options.anything,
    version: options.anything,
    title: options.anything
  })
  return mistake === undefined ? undefined : { ...mistake, field: `clientInfo.${mistake.field}` }
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
 * Returns the client options among the options of a Layer.
 *
 * @category constructors
 */
export const pick = <R>(given: ClientOptions<R>): ClientOptions<R> => options.pick<ClientOptions<R>>(given, checks)

/** Returns the parameters of `initialize`. */
export const initializeParams = (given: ClientOptions<unknown>): Protocol.InitializeParams => ({
  clientInfo: { title: null, ...(given.clientInfo ?? { name: "effect-codex", version }) },
  capabilities: {
    experimentalApi: given.experimentalApi ?? defaults.experimentalApi,
    requestAttestation: false,
    ...(given.optOutNotifications === undefined ? {} : { optOutNotificationMethods: given.optOutNotifications })
  }
})
