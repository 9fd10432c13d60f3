import { quantileOfSorted } from './quantiles.ts'
import type { Random } from './random.ts'

export type Interval = readonly [low: number, high: number]

export const RESAMPLES = 10_000

/**
 * Percentile bootstrap (Efron 1979): how much the median would vary had other samples been drawn.
 * @returns the medians of the resamples in rising order, from which {@link interval} reads any level.
 */
export function bootstrapMedians(values: readonly number[], random: Random, resamples = RESAMPLES): Float64Array {
  const source = Float64Array.from(values)
  const resample = new Float64Array(source.length)
  return Float64Array.from({ length: resamples }, () => {
    for (let index = 0; index < resample.length; index++) {
      resample[index] = source[Math.floor(random() * source.length)] ?? Number.NaN
    }
    return quantileOfSorted(resample.toSorted(), 0.5)
  }).toSorted()
}

/** The middle `level` (such as 0.95) of sorted bootstrap values. */
export function interval(sorted: ArrayLike<number>, level: number): Interval {
  return [quantileOfSorted(sorted, (1 - level) / 2), quantileOfSorted(sorted, (1 + level) / 2)]
}
