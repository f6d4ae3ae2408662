/**
 * Comparison of server versions.
 */
import * as Result from "effect/Result"
import * as SemVer from "effect/SemVer"

/** Parses versions such as `0.169.0`, `0.151.0-alpha.6`, and `0.151.0.post1`, a later build of a release. */
const parse = (text: string) => SemVer.parse(text.trim().replace(/^v/, "").replace(/^(\d+\.\d+\.\d+)\.[\w.]+$/, "$1"))

/** Returns true if a server of version `has` is at least as new as `needed`. Returns false if a version cannot be parsed. */
export const isAtLeast = (has: string, needed: string): boolean =>
  Result.getOrElse(
    Result.all([parse(has), parse(needed)]).pipe(
      Result.map(([a, b]) => SemVer.isGreaterThanOrEqualTo(a, b))
    ),
    () => false
  )
