/**
 * Two runs made at different times. What the machine did meanwhile cannot be told from what the servers do, unless both
 * runs have a target in common whose speed shows it.
 */
import { RESAMPLES } from './bootstrap.ts'
import { estimateFrom, type Estimate } from './estimate.ts'
import { median } from './quantiles.ts'
import { doubledRanks } from './ranks.ts'
import { shuffled, type Random } from './random.ts'

/**
 * How much the same program on the same machine varied with the time of day in 26 hours of PicoShare's own harness. A
 * ratio of two unrelated runs has to be beyond it.
 */
const TIMES_OF_DAY_FACTOR = 3

/**
 * @param a logarithms of A's durations, or of the ratios of its durations to the common target's durations.
 * @param isAnchored whether they are such ratios.
 */
export function estimateUnpaired(
  { a, b, isAnchored }: { a: readonly number[]; b: readonly number[]; isAnchored: boolean },
  random: Random,
  resamples = RESAMPLES,
): Estimate {
  const effect = median(a) - median(b)
  const pick = (values: readonly number[]) =>
    values.map(() => values[Math.floor(random() * values.length)] ?? Number.NaN)
  const bootstrapped = Float64Array.from({ length: resamples }, () => median(pick(a)) - median(pick(b))).toSorted()
  return estimateFrom({
    samples: Math.min(a.length, b.length),
    effect,
    bootstrapped,
    p: permutationP(a, b, random, resamples),
    smallestP: Math.max(1 / (resamples + 1), 2 / ways(a.length + b.length, a.length)),
    unseenFactor: isAnchored ? 1 : TIMES_OF_DAY_FACTOR,
  })
}

/**
 * How often a random split of all the samples differs as much (Fisher 1935) in its sums of ranks (Wilcoxon 1945; unlike
 * medians they bear ties); never 0 (Phipson and Smyth 2010).
 */
function permutationP(a: readonly number[], b: readonly number[], random: Random, permutations: number): number {
  const ranks = doubledRanks([...a, ...b])
  const expected = a.length * (a.length + b.length + 1)
  const difference = (mixed: readonly number[]) =>
    Math.abs(mixed.slice(0, a.length).reduce((sum, rank) => sum + rank, 0) - expected)
  const observed = difference(ranks)
  let asExtreme = 1
  for (let count = 0; count < permutations; count++) {
    if (difference(shuffled(ranks, random)) >= observed) asExtreme++
  }
  return asExtreme / (permutations + 1)
}

/** In how many ways `count` of `total` can be chosen. */
function ways(total: number, count: number): number {
  let product = 1
  for (let index = 1; index <= count; index++) product *= (total - count + index) / index
  return product
}
