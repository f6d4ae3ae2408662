/**
 * Options and methods by the server version that introduced them. An older server does not refuse an option: it ignores it.
 */
import type * as Methods from "@effect-codex/protocol/Methods"
import * as Effect from "effect/Effect"
import * as ServerVersion from "../model/connection/ServerVersion.ts"
import { UnsupportedByServerError } from "../model/errors/CodexError.ts"

/**
 * Fields of the protocol by the version that introduced them. If that version is not known exactly, it is the first one that
 * was tested: see test/versions/Options.test.ts.
 */
const introduced = {
  "0.140.0": [
    "additionalContext",
    "clientUserMessageId",
    "initialTurnsPage",
    "runtimeWorkspaceRoots",
    "selectedCapabilityRoots"
  ],
  "0.150.0": [
    "allowProviderModelFallback",
    "ancestorThreadId",
    "beforeTurnId",
    "deferGoalContinuation",
    "historyMode",
    "lastTurnId",
    "multiAgentMode",
    "parentThreadId",
    "projectId",
    "sectionId"
  ],
  "0.151.0": ["excludeTurns", "serviceTierForTurn", "toolOutput", "turnTrigger"],
  "0.160.0": ["cyberAccessProgram", "daybreakEnabled", "disabledPluginIds", "originators"],
  "0.169.0": [
    "attachToSource",
    "attachedToThreadId",
    "currentAccountOnly",
    "excludedThreadIds",
    "experimentalDisablePredictionMcp",
    "experimentalPredictionMode",
    "includeAttachedThreads",
    "parentTurnId",
    "responsesapiClientMetadataPatch",
    "rootTurnId"
  ],
  "0.171.0": ["includedThreadIds"]
}

/** Methods that some supported servers do not have, by the version that introduced them. */
const methods = {
  "0.140.0": [
    "fuzzyFileSearch/sessionStart",
    "thread/backgroundTerminals/clean",
    "thread/backgroundTerminals/list",
    "thread/backgroundTerminals/terminate",
    "thread/search",
    "thread/turns/list"
  ],
  "0.150.0": [
    "thread/queue/add",
    "thread/queue/delete",
    "thread/queue/list",
    "thread/queue/reorder",
    "thread/queue/start",
    "thread/queue/update",
    "thread/revert"
  ],
  "0.171.0": ["thread/search/cancel", "thread/search/stream", "thread/search/stream/cancel"]
} satisfies { readonly [version: string]: ReadonlyArray<Methods.ClientRequestMethod> }

const methodNeeds = new Map<string, string>(
  Object.entries(methods).flatMap(([version, names]) => names.map((name) => [name, version] as const))
)

/** Returns true if a server of this version knows a method. */
export const knowsMethod = (method: Methods.ClientRequestMethod, serverVersion: string): boolean =>
  ServerVersion.isAtLeast(serverVersion, methodNeeds.get(method) ?? "0.0.0")

/** Fails with `UnsupportedByServerError` if the connected server is too old for a method. */
export const supportedMethod = (
  method: Methods.ClientRequestMethod,
  serverVersion: string
): Effect.Effect<void, UnsupportedByServerError> =>
  knowsMethod(method, serverVersion)
    ? Effect.void
    : Effect.fail(
      new UnsupportedByServerError({
        feature: method,
        needs: methodNeeds.get(method) ?? "unknown",
        has: serverVersion
      })
    )

const needed = new Map(
  Object.entries(introduced).flatMap(([version, fields]) => fields.map((field) => [field, version] as const))
)

/** Returns true if a server of this version knows a field of the parameters. */
export const isKnown = (field: string, serverVersion: string): boolean =>
  ServerVersion.isAtLeast(serverVersion, needed.get(field) ?? "0.0.0")

/** Fields of single methods, where fields of other methods have the same name, by the version that introduced them. */
const introducedIn: { readonly [method: string]: { readonly [field: string]: string } } = {
  "hooks/list": { threadId: "0.169.0" },
  "mcpServer/oauth/login": { threadId: "0.150.0" },
  "mcpServerStatus/list": { threadId: "0.140.0" }
}

/** The names under which callers know these fields. */
const optionOf: { readonly [field: string]: string } = {
  toolOutput: "Input.externalMessage",
  excludeTurns: "includeTurns"
}

/**
 * Returns the parameters, or fails with `UnsupportedByServerError` if the connected server is too old for one of them. `method`
 * adds the fields of that method.
 */
export const supported = <P extends object>(
  params: P,
  serverVersion: string,
  method = ""
): Effect.Effect<P, UnsupportedByServerError> => {
  for (const [field, value] of Object.entries(params)) {
    const needs = value === undefined || value === null
      ? undefined
      : introducedIn[method]?.[field] ?? needed.get(field)
    if (needs !== undefined && !ServerVersion.isAtLeast(serverVersion, needs)) {
      return Effect.fail(
        new UnsupportedByServerError({ feature: optionOf[field] ?? field, needs, has: serverVersion })
      )
    }
  }
  return Effect.succeed(params)
}
