/**
 * Sorted lists.
 */

/** Returns the first index, from `low` on, for which `isBefore` is false; `length` if there is none. */
export const lowerBound = (length: number, isBefore: (index: number) => boolean, low = 0): number => {
  let high = length
  while (low < high) {
    const middle = (low + high) >> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
