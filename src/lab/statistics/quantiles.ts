/** Order statistics. All take values in any order and give NaN for none. */

/** @param fraction 0 is the smallest, 1 the largest; linear between neighbours (type 7 of Hyndman and Fan 1996). */
export function quantile(values: readonly number[], fraction: number): number {
  return quantileOfSorted(Float64Array.from(values).toSorted(), fraction)
}

/** The same for values that are in rising order already. */
export function quantileOfSorted(sorted: ArrayLike<number>, fraction: number): number {
  if (sorted.length === 0) return Number.NaN
  const position = (sorted.length - 1) * fraction
  const lower = sorted[Math.floor(position)] ?? Number.NaN
  const upper = sorted[Math.ceil(position)] ?? Number.NaN
  return lower + (upper - lower) * (position - Math.floor(position))
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

/** Median distance from the median, times 1.4826: estimates the standard deviation, and does not see outliers. */
export function scaledMad(values: readonly number[]): number {
  const middle = median(values)
  return 1.4826 * median(values.map((value) => Math.abs(value - middle)))
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

/** Sample standard deviation (n - 1); 0 for a single value. */
export function standardDeviation(values: readonly number[]): number {
  if (values.length < 2) return 0
  const middle = mean(values)
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1))
}
