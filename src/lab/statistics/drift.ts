/** Whether a series moves as time goes by: the mistake that made 26 hours of sequential runs worthless. */
import { normalTail } from './normal.ts'
import { median } from './quantiles.ts'

export interface Drift {
  /** Median slope over all pairs of points (Theil 1950, Sen 1968), in units of `value` per unit of `time`. */
  slope: number
  /** Two-sided p-value of Mann-Kendall's trend test (Kendall 1975), normal approximation with continuity correction. */
  p: number
}

/** @param points at least 4 for a p-value below 1. */
export function findDrift(points: readonly { time: number; value: number }[]): Drift {
  const slopes: number[] = []
  let score = 0
  for (const [index, a] of points.entries()) {
    for (const b of points.slice(index + 1)) {
      if (a.time === b.time) continue
      const slope = (b.value - a.value) / (b.time - a.time)
      slopes.push(slope)
      score += Math.sign(slope)
    }
  }
  const n = points.length
  const variance = (n * (n - 1) * (2 * n + 5)) / 18
  const z = variance === 0 ? 0 : (Math.abs(score) - 1) / Math.sqrt(variance)
  return { slope: slopes.length === 0 ? 0 : median(slopes), p: n < 4 || z <= 0 ? 1 : 2 * normalTail(z) }
}
