/** Verdicts in sentences. */
import { RECOMMENDED_ITERATIONS, SOUGHT_DIFFERENCE, type Estimate } from '../statistics/estimate.ts'
import type { CellComparison } from './comparison.ts'

export function formatRatio({ ratio, interval: [low, high] }: Estimate): string {
  return `${ratio.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`
}

export function formatPercent(fraction: number): string {
  return Number.isFinite(fraction) && fraction < 10
    ? `${(fraction * 100).toFixed(fraction < 0.1 ? 1 : 0)} %`
    : 'any size'
}

/** What was found, and where nothing was, what could have been. */
export function describeVerdict({ verdict, estimate }: CellComparison): string {
  if (!estimate) return 'no difference shown: no data'
  if (verdict !== 'no difference shown') return verdict
  if (!Number.isFinite(estimate.detectable)) return 'no difference shown (too few pairs for any)'
  return `no difference shown (could have shown ${formatPercent(estimate.detectable)})`
}

/** How many iterations would settle it, or null when it is settled. */
export function adviceFor({ verdict, estimate }: CellComparison): string | null {
  if (!estimate || verdict !== 'no difference shown' || estimate.unseenFactor > 1) return null
  const { samples, advisedSamples } = estimate
  if (advisedSamples !== null && advisedSamples <= samples) return null
  const wanted = advisedSamples ?? RECOMMENDED_ITERATIONS
  return `about ${wanted} iterations would find a difference of ${SOUGHT_DIFFERENCE * 100} %`
}
