/**
 * What a recording does not tell: keys, tokens and passwords, e-mail addresses, the name of the machine, and where its
 * directories are.
 *
 * Each is replaced by the same words wherever and whenever it shows up, so a recording of one machine is replayed on
 * another: the same rules are applied to what the program asks then.
 *
 * | what | how it is found | what stands in the recording |
 * |---|---|---|
 * | secrets | {@link Options.secrets}, `Redacted` values in `config.env`, environment variables with names like `*_API_KEY` or `*_TOKEN`, fields with names like `apiKey`, `accessToken` or `installationId`, the usual forms of keys (`sk-...`, `ghp_...`, JWT, `Bearer ...`, private keys, ...), answers to questions that were marked as secret | `[secret]` |
 * | directories | the working directory, CODEX_HOME and the home directory, {@link Options.paths} | `/workspace`, `/codex-home`, `/home/user` |
 * | e-mail addresses | their form | `someone@example.com` |
 * | the host name | asked of the operating system | `[host]` |
 */
import type { ProcessOptions } from "effect-codex/ProcessOptions"
import type * as Redacted from "effect/Redacted"

/**
 * What to mask beyond what is found without being told. Give the same to the recorder and to the replay.
 *
 * @category models
 */
export interface Options {
  /** The options of the server's process: they name its directories and its secrets. Default: those of this process. */
  readonly config?: ProcessOptions | undefined
  /** Further secrets, of 6 characters or more. */
  readonly secrets?: ReadonlyArray<string | Redacted.Redacted<string>> | undefined
  /** Further directories, by the name that stands for them: `{ "/data": await mkdtemp(...) }`. */
  readonly paths?: { readonly [name: string]: string } | undefined
  /** Further replacements in every text, e.g. `[[/ticket-\d+/g, "ticket-0"]]`. Patterns must be global. */
  readonly replace?: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> | undefined
}
