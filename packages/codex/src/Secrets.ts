/**
 * Known secrets in text, found literally and as programs encode them: percent-encoded, escaped as in JSON, in base64.
 *
 * The SDK hides `Redacted` environment variables in what the server writes to standard error with this module, and
 * `@effect-codex/recording` masks recordings with it. Use it to hide the same secrets in logs of your own.
 *
 * ```ts
 * const hide = Secrets.hiding(["correct horse battery staple"])
 * const line = hide("password=correct%20horse%20battery%20staple") // "password=<redacted>"
 * ```
 */
export * from "./base/secrets.ts"
