/**
 * The options of masking, which the recorder and the replay share.
 */
import type * as CodexConfig from "effect-codex/CodexConfig"
import type * as Redacted from "effect/Redacted"

/**
 * Additions to what masking finds by itself. Pass the same options to the recorder and to the replay.
 *
 * @category models
 */
export interface Options {
  /** The configuration of the client, which names its directories and secrets. Default: those of this process. */
  readonly config?: CodexConfig.CodexConfig<unknown> | undefined
  /** Further secrets, each of at least 6 characters. */
  readonly secrets?: ReadonlyArray<string | Redacted.Redacted<string>> | undefined
  /** Further directories, each by the name that replaces it: `{ "/data": await mkdtemp(...) }`. */
  readonly paths?: { readonly [name: string]: string } | undefined
  /** Further replacements in every text, such as `[[/ticket-\d+/g, "ticket-0"]]`. Patterns must be global. */
  readonly replace?: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> | undefined
}
