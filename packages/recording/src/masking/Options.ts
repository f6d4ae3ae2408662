/**
 * The options of masking, which the recorder and the replay share.
 */
import type { ProcessOptions } from "effect-codex/ProcessOptions"
import type * as Redacted from "effect/Redacted"

/**
 * Additions to what masking finds by itself. Pass the same options to the recorder and to the replay.
 *
 * @category models
 */
export interface Options {
  /** The options of the server's process, which name its directories and secrets. Default: those of this process. */
  readonly config?: ProcessOptions | undefined
  /** Further secrets, each of at least 6 characters. */
  readonly secrets?: ReadonlyArray<string | Redacted.Redacted<string>> | undefined
  /** Further directories, each by the name that replaces it: `{ "/data": await mkdtemp(...) }`. */
  readonly paths?: { readonly [name: string]: string } | undefined
  /** Further replacements in every text, such as `[[/ticket-\d+/g, "ticket-0"]]`. Patterns must be global. */
  readonly replace?: ReadonlyArray<readonly [pattern: RegExp, replacement: string]> | undefined
}

const known: { readonly [K in keyof Options]-?: true } = { config: true, secrets: true, paths: true, replace: true }

/** Returns a name that is not an option of masking. What the option was to hide would be recorded. */
export const unknownOption = (options: Options): string | undefined =>
  Object.keys(options).find((name) => !Object.hasOwn(known, name))
