/** What is known of the ratio of two speeds, however it was come by. */
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
  /** A true difference of this size would be found in 80 % of runs like this one; 0.1 is 10 %. Infinity: none of any size. */
  detectable: number
  /** How many samples would find a difference of {@link SOUGHT_DIFFERENCE} in 90 % of runs; null below 4 samples. */
  advisedSamples: number | null
}

/** With fewer pairs no pattern of signs is rare enough for p < 0.05. */
export const MIN_SAMPLES = 6
/** The difference that the advice is for: below 10 % few users of a file share would care. */
export const SOUGHT_DIFFERENCE = 0.1
/** Iterations that find it in 90 % of runs on a machine with 4 % of noise, bursts and a drift of three times. */
export const RECOMMENDED_ITERATIONS = 20

/** Normal quantiles: 97.5 % (a 95 % interval), and 80 % and 90 % for power. */
const Z_975 = 1.96
const Z_80 = 0.842
const Z_90 = 1.282
/** An interval out of a few samples is itself uncertain; advice errs to the safe side by this factor of its width. */
const SAFETY = 1.25

interface Evidence {
  samples: number
  /** Natural logarithm of the ratio. */
  effect: number
  /** The same of resamples, in rising order. */
  bootstrapped: ArrayLike<number>
  p: number
  unseenFactor: number
}

export function estimateFrom({ samples, effect, bootstrapped, p, unseenFactor }: Evidence): Estimate {
  const [low, high] = interval(bootstrapped, 0.95)
  const halfWidth = (high - low) / 2
  return {
    samples,
    ratio: Math.exp(effect),
    interval: [Math.exp(low), Math.exp(high)],
    equivalenceInterval: exponential(interval(bootstrapped, 0.9)),
    p,
    unseenFactor,
    detectable: samples < MIN_SAMPLES ? Infinity : unseenFactor * Math.exp((halfWidth * (Z_975 + Z_80)) / Z_975) - 1,
    advisedSamples: samples < 4 ? null : advise(samples, halfWidth),
  }
}

/** An interval narrows with the root of the number of samples; this many make it narrow enough. */
function advise(samples: number, halfWidth: number): number {
  const needed = (Math.log(1 + SOUGHT_DIFFERENCE) * Z_975) / (Z_975 + Z_90)
  return Math.max(RECOMMENDED_ITERATIONS / 2, Math.ceil(samples * ((SAFETY * halfWidth) / needed) ** 2))
}

function exponential([low, high]: Interval): Interval {
  return [Math.exp(low), Math.exp(high)]
}
