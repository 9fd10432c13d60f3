/** Verdicts in sentences. */
import type { Estimate } from '../statistics/estimate.ts'
import { RECOMMENDED_ITERATIONS, SOUGHT_DIFFERENCE } from '../statistics/power.ts'
import type { CellComparison } from './comparison.ts'

export function formatRatio({ ratio, interval: [low, high] }: Estimate): string {
  return `${ratio.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`
}

export function formatPercent(fraction: number): string {
  return Number.isFinite(fraction) && fraction < 10
    ? `${(fraction * 100).toFixed(fraction < 0.1 ? 1 : 0)} %`
    : 'any size'
}

/** States the differences found; without any, the smallest difference that could have been found. */
export function describeVerdict({ verdict, detectable }: CellComparison): string {
  if (detectable === null) return 'no difference shown: no data'
  if (verdict !== 'no difference shown') return verdict
  if (!Number.isFinite(detectable)) return 'no difference shown (too few pairs for any)'
  return `no difference shown (could have shown ${formatPercent(detectable)})`
}

/** How many iterations would settle it, or null when it is settled. */
export function adviceFor({ verdict, estimate, detectable, advisedIterations }: CellComparison): string | null {
  if (!estimate || verdict !== 'no difference shown' || estimate.unseenFactor > 1) return null
  if (detectable !== null && detectable <= SOUGHT_DIFFERENCE) return null
  const wanted = advisedIterations ?? (estimate.samples < RECOMMENDED_ITERATIONS ? RECOMMENDED_ITERATIONS : null)
  if (wanted === null) return null
  return `about ${wanted} iterations would find a difference of ${SOUGHT_DIFFERENCE * 100} %`
}
