/**
 * Masking: the rules that keep keys, tokens, passwords, e-mail addresses, the host name and directories of the machine
 * out of a recording.
 *
 * Each value is replaced by the same words wherever it appears. The replay applies the same rules to the messages of the
 * program, so a recording made on one machine can be replayed on another.
 *
 * | value | found by | replaced by |
 * |---|---|---|
 * | known secrets | {@link Options.secrets}, `Redacted` values in `config.env`, environment variables with names like `*_API_KEY` or `*_TOKEN`, values of fields with names like `apiKey` or `accessToken`, answers to questions that the server marks as secret; also percent-encoded, escaped as in JSON, and in base64 | `[secret]` |
 * | secrets by their form | keys such as `sk-...` and `ghp_...`, JWTs, private keys, values after names such as `password:`, `api_key=` or `Authorization:`, credentials in URLs | `[secret]` |
 * | directories | the working directory, CODEX_HOME, the home directory, {@link Options.paths} | `/workspace`, `/codex-home`, `/home/user` |
 * | e-mail addresses | their form | `someone@example.com` |
 * | the host name | the operating system | `[host]` |
 */
export type { Options } from "./masking/Options.ts"
