/**
 * Versions of the server, as it tells them in its user agent.
 */

interface Version {
  readonly numbers: readonly [major: number, minor: number, patch: number]
  readonly prerelease: boolean
}

/** Reads `0.169.0`, `0.151.0-alpha.6`, `0.151.0.post1`; undefined for what is no version. */
const parse = (text: string): Version | undefined => {
  const match = /^v?(\d+)\.(\d+)\.(\d+)(-)?/.exec(text.trim())
  if (match === null) return undefined
  return { numbers: [Number(match[1]), Number(match[2]), Number(match[3])], prerelease: match[4] !== undefined }
}

/** Whether a server of this version has what came with the release `needed`. A version that can't be read has nothing. */
export const isAtLeast = (has: string, needed: string): boolean => {
  const a = parse(has)
  const b = parse(needed)
  if (a === undefined || b === undefined) return false
  for (const index of [0, 1, 2] as const) {
    if (a.numbers[index] !== b.numbers[index]) return a.numbers[index] > b.numbers[index]
  }
  return !a.prerelease || b.prerelease
}
