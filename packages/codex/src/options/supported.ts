/**
 * Options by the server version that introduced them. An older server does not refuse them: it ignores them.
 */
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

const needed = new Map(
  Object.entries(introduced).flatMap(([version, fields]) => fields.map((field) => [field, version] as const))
)

/** Returns true if a server of this version knows a field of the parameters. */
export const isKnown = (field: string, serverVersion: string): boolean =>
  ServerVersion.isAtLeast(serverVersion, needed.get(field) ?? "0.0.0")

/** The names under which callers know these fields. */
const optionOf: { readonly [field: string]: string } = {
  toolOutput: "Input.externalMessage",
  excludeTurns: "includeTurns"
}

/** Returns the parameters, or fails with `UnsupportedByServerError` if the connected server is too old for one of them. */
export const supported = <P extends object>(
  params: P,
  serverVersion: string
): Effect.Effect<P, UnsupportedByServerError> => {
  for (const [field, value] of Object.entries(params)) {
    const needs = value === undefined || value === null ? undefined : needed.get(field)
    if (needs !== undefined && !ServerVersion.isAtLeast(serverVersion, needs)) {
      return Effect.fail(
        new UnsupportedByServerError({ feature: optionOf[field] ?? field, needs, has: serverVersion })
      )
    }
  }
  return Effect.succeed(params)
}
