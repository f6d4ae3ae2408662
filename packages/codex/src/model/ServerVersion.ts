/**
 * Versions of the server, as it tells them in its user agent.
 */
import * as Result from "effect/Result"
import * as SemVer from "effect/SemVer"

/** Reads `0.169.0`, `0.151.0-alpha.6`, and `0.151.0.post1`, as a later build of a release is called. */
const parse = (text: string) => SemVer.parse(text.trim().replace(/^v/, "").replace(/^(\d+\.\d+\.\d+)\.[\w.]+$/, "$1"))

/** Whether a server of this version has what came with the release `needed`. A version that can't be read has nothing. */
export const isAtLeast = (has: string, needed: string): boolean =>
  Result.getOrElse(
    Result.all([parse(has), parse(needed)]).pipe(
      Result.map(([a, b]) => SemVer.isGreaterThanOrEqualTo(a, b))
    ),
    () => false
  )
