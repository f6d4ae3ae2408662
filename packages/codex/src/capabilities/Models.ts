/**
 * The models that the server offers.
 */
import type * as Protocol from "@effect-codex/protocol/Protocol"
import * as Effect from "effect/Effect"
import { check } from "../model/errors/check.ts"
import * as optionChecks from "../options/checks.ts"
import { pages } from "./pages.ts"
import type { Services } from "./Services.ts"

/** Returns the methods of `Codex` that concern models. */
export const make = ({ client }: Services) => ({
  models: (options: Omit<Protocol.ModelListParams, "cursor"> = {}) =>
    pages((cursor) =>
      Effect.andThen(check(options, optionChecks.models), client.request("model/list", { ...options, cursor }))
    )
})
