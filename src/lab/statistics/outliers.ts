import { median, scaledMad } from './quantiles.ts'

/** Further than this many robust standard deviations from the median is an outlier; as hyperfine has it. */
const LIMIT = 3.5

/** Indexes of outliers by the median and MAD (Iglewicz and Hoaglin 1993). They are named, never dropped. */
export function findOutliers(values: readonly number[]): number[] {
  const middle = median(values)
  const spread = scaledMad(values)
  if (values.length < 5 || spread === 0) return []
  return values.flatMap((value, index) => (Math.abs(value - middle) / spread > LIMIT ? [index] : []))
}
