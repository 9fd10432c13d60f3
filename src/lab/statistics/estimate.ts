/** An estimate of the ratio of two speeds, whatever the method. */
import { interval, type Interval } from './bootstrap.ts'

export interface Estimate {
  /** Pairs, or samples of the side that has fewer. */
  samples: number
  /** Speed of B as a multiple of A's: above 1, B is faster. */
  ratio: number
  /** 95 % bootstrap interval of the ratio. */
  interval: Interval
  /** The 90 % interval: where that lies within the margin, B is as fast as A (two one-sided tests, Schuirmann 1987). */
  equivalenceInterval: Interval
  /** Of the sign-flip or permutation test, before any adjustment for many cells. */
  p: number
  /** By how much the machine itself may have differed between A and B without a trace in the data; 1 is not at all. */
  unseenFactor: number
  /** The smallest p that so many samples can give, however far apart the sides are. */
  smallestP: number
}

/** With fewer pairs no pattern of signs is rare enough for p < 0.05. */
export const MIN_SAMPLES = 6
/** Of a test, over all cells that are looked at together. */
export const SIGNIFICANCE = 0.05

interface Evidence {
  samples: number
  /** Natural logarithm of the ratio. */
  effect: number
  /** The same of resamples, in rising order. */
  bootstrapped: ArrayLike<number>
  p: number
  smallestP: number
  unseenFactor: number
}

export function estimateFrom({ effect, bootstrapped, ...known }: Evidence): Estimate {
  return {
    ...known,
    ratio: Math.exp(effect),
    interval: exponential(interval(bootstrapped, 0.95)),
    equivalenceInterval: exponential(interval(bootstrapped, 0.9)),
  }
}

function exponential([low, high]: Interval): Interval {
  return [Math.exp(low), Math.exp(high)]
}
