/** What may be said about a cell. Never a winner out of noise. */
import { MIN_SAMPLES, SIGNIFICANCE, type Estimate } from './estimate.ts'
import { adjustForMany } from './false-discovery.ts'

/** `equivalent`: shown to differ by less than the margin. `no difference shown`: the data cannot tell. */
export type Verdict = 'faster' | 'slower' | 'equivalent' | 'no difference shown'

/** Smaller differences than this do not matter to anyone; 0.05 is 5 %. */
export const MARGIN = 0.05

/**
 * One verdict an estimate, about B, all of a run's at once: the more cells are looked at, the more must each one show.
 * A difference is called where both the adjusted test and the bootstrap interval show one.
 */
export function judge(estimates: readonly Estimate[]): Verdict[] {
  const adjusted = adjustForMany(estimates.map(({ p }) => p))
  return estimates.map(({ ratio, samples, interval, equivalenceInterval, unseenFactor }, index) => {
    if (samples < MIN_SAMPLES) return 'no difference shown'
    const [low, high] = equivalenceInterval
    if (unseenFactor === 1 && low > 1 / (1 + MARGIN) && high < 1 + MARGIN) return 'equivalent'
    const excludesOne = interval[0] > unseenFactor || interval[1] < 1 / unseenFactor
    if (!excludesOne || (adjusted[index] ?? 1) >= SIGNIFICANCE) return 'no difference shown'
    return ratio > 1 ? 'faster' : 'slower'
  })
}
