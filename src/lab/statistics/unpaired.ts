/**
 * Two runs made at different times. What the machine did meanwhile cannot be told from what the servers do, unless both
 * runs have a target in common whose speed shows it.
 */
import { RESAMPLES } from './bootstrap.ts'
import { estimateFrom, type Estimate } from './estimate.ts'
import { median } from './quantiles.ts'
import { shuffled, type Random } from './random.ts'

/**
 * How much the same program on the same machine varied with the time of day in 26 hours of PicoShare's own harness. A
 * ratio of two unrelated runs has to be beyond it.
 */
const TIMES_OF_DAY_FACTOR = 3

/**
 * @param a logarithms of A's durations, or of the ratios of its durations to those of the common target.
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
    p: permutationP(a, b, effect, random, resamples),
    smallestP: Math.max(1 / (resamples + 1), 2 / ways(a.length + b.length, a.length)),
    unseenFactor: isAnchored ? 1 : TIMES_OF_DAY_FACTOR,
  })
}

/** How often a random split of all the samples differs as much (Fisher 1935); never 0 (Phipson and Smyth 2010). */
function permutationP(
  a: readonly number[],
  b: readonly number[],
  effect: number,
  random: Random,
  permutations: number,
): number {
  const all = [...a, ...b]
  let asExtreme = 1
  for (let count = 0; count < permutations; count++) {
    const mixed = shuffled(all, random)
    if (Math.abs(median(mixed.slice(0, a.length)) - median(mixed.slice(a.length))) >= Math.abs(effect)) asExtreme++
  }
  return asExtreme / (permutations + 1)
}

/** In how many ways `count` of `total` can be chosen. */
function ways(total: number, count: number): number {
  let product = 1
  for (let index = 1; index <= count; index++) product *= (total - count + index) / index
  return product
}
