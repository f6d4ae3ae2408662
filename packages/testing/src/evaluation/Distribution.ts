/**
 * The distribution of a score over a group of runs.
 */

/** Figures of a distribution. All but `count` are NaN without scores. */
export interface Distribution {
  /** The number of scores. */
  readonly count: number
  /** The arithmetic mean. */
  readonly mean: number
  /** The median: the mean of the middle two for an even number of scores. */
  readonly median: number
  /** The lowest score. */
  readonly min: number
  /** The highest score. */
  readonly max: number
}

/** Returns the distribution of scores. */
export const distributionOf = (scores: ReadonlyArray<number>): Distribution => {
  const sorted = scores.toSorted((a, b) => a - b)
  const at = (index: number) => sorted.at(index) ?? NaN
  return {
    count: sorted.length,
    mean: sorted.reduce((sum, score) => sum + score, 0) / sorted.length,
    median: (at(Math.floor((sorted.length - 1) / 2)) + at(Math.floor(sorted.length / 2))) / 2,
    min: at(0),
    max: at(-1)
  }
}
