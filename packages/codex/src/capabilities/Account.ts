/**
 * The account of the server: reads it, logs in with a key, logs out. `Login` logs a person in.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { maxSecret } from "../base/secrets.ts"
import { check } from "../model/errors/check.ts"
import { InvalidInputError, type RequestError } from "../model/errors/CodexError.ts"
import * as optionChecks from "../options/checks.ts"
import type { Services } from "./Services.ts"

/** Returns the methods of `Codex` that concern the account. */
export const make = ({ client, router }: Services) => ({
  account: (options: { readonly refreshToken?: boolean | undefined } = {}) =>
    Effect.andThen(check(options, optionChecks.account), client.request("account/read", options)),
  isLoggedIn: Effect.map(
    client.request("account/read", {}),
    ({ account, requiresOpenaiAuth }) => !requiresOpenaiAuth || (account ?? null) !== null
  ),
  loginApiKey: (apiKey: Redacted.Redacted<string>): Effect.Effect<void, RequestError> =>
    Effect.suspend(() => {
      if (!Redacted.isRedacted(apiKey)) {
        return invalidKey(
          "it is not redacted; pass Redacted.make(key), so that it never appears in an error, log or span"
        )
      }
      const key = Redacted.value(apiKey)
      if (typeof key !== "string" || key.trim() === "") return invalidKey("it is empty, or not a string")
      if (key.length > maxSecret) return invalidKey(`it has ${key.length} characters, and so is no API key`)
      router.errors.keepSecret(key)
      return Effect.asVoid(client.request("account/login/start", { type: "apiKey", apiKey: key }))
    }),
  logout: Effect.asVoid(client.request("account/logout"))
})

const invalidKey = (detail: string) => Effect.fail(new InvalidInputError({ field: "apiKey", detail }))
