/**
 * Is B faster than A? From pairs of durations that were taken next to each other in time, in an order that a coin
 * chose.
 *
 * A machine that slows down over the evening slows both of a pair alike, so the ratio within a pair is what is looked
 * at: d = ln(durationA / durationB), which is above 0 where B was faster. The effect is exp(median d), a ratio of
 * speeds.
 */
import { bootstrapMedians, RESAMPLES } from './bootstrap.ts'
import { estimateFrom, type Estimate } from './estimate.ts'
import { median } from './quantiles.ts'
import type { Random } from './random.ts'
import { signFlipP } from './sign-flip.ts'

export interface Pair {
  a: number
  b: number
}

/** @param pairs durations in any unit, at least one. */
export function estimatePairs(pairs: readonly Pair[], random: Random, resamples = RESAMPLES): Estimate {
  const differences = pairs.map(({ a, b }) => Math.log(a / b))
  return estimateFrom({
    samples: pairs.length,
    effect: median(differences),
    bootstrapped: bootstrapMedians(differences, random, resamples),
    p: signFlipP(differences),
    // Of the patterns of signs only the two with one sign throughout.
    smallestP: 2 ** (1 - pairs.length),
    unseenFactor: 1,
  })
}
