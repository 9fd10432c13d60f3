/**
 * The sign-flip test on ranks (Wilcoxon signed-rank, 1945). If A and B are alike and a coin decided which of a pair
 * went first, each difference could as well have had the other sign: so the distribution is known exactly, whatever
 * the noise.
 */

import { doubledRanks } from './ranks.ts'

/**
 * Two-sided p-value, exact for any number of differences: all sign patterns are counted, by dynamic programming over
 * the sums of ranks. Zeroes say nothing and are left out; ties share their ranks. 1 for no differences.
 */
export function signFlipP(differences: readonly number[]): number {
  const values = differences.filter((value) => value !== 0)
  const ranks = doubledRanks(values.map(Math.abs))
  const total = ranks.reduce((sum, rank) => sum + rank, 0)
  const positive = ranks.reduce((sum, rank, index) => sum + ((values[index] ?? 0) > 0 ? rank : 0), 0)
  const chances = sumChances(ranks, total)
  const extreme = Math.min(positive, total - positive)
  let tail = 0
  for (let sum = 0; sum <= extreme; sum++) tail += chances[sum] ?? 0
  return Math.min(1, 2 * tail)
}

/** Chance of each sum of the ranks whose coin shows heads. */
function sumChances(ranks: readonly number[], total: number): Float64Array {
  const chances = new Float64Array(total + 1)
  chances[0] = 1
  for (const rank of ranks) {
    for (let sum = total; sum >= 0; sum--) {
      const without = chances[sum] ?? 0
      const withIt = sum >= rank ? (chances[sum - rank] ?? 0) : 0
      chances[sum] = (without + withIt) / 2
    }
  }
  return chances
}
