/**
 * A search for known secrets in text. It finds them literally, percent-encoded, escaped as in JSON, and in base64.
 *
 * With this module, the SDK hides `Redacted` environment variables in the server's standard error, and `@effect-codex/recording`
 * masks recordings. Use it to hide the same secrets in logs of your own.
 *
 * ```ts
 * const hide = Secrets.hiding(["correct horse battery staple"])
 * const line = hide("password=correct%20horse%20battery%20staple") // "password=<redacted>"
 * ```
 */
export * from "./base/secrets.ts"
