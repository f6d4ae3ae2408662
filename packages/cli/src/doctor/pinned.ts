/** The version of codex that this package is tested with, and that `effect-codex` installs. */
export const pinned = "0.171.0"
