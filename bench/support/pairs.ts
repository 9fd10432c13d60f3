/**
 * Paired comparison: A and B next to each other in time, in random order, so that a drifting machine hits both alike.
 */

export interface Ratio {
  /** Median over the pairs of B's speed divided by A's. */
  median: number
  lowest: number
  highest: number
  pairs: number
}

/** @param pairs durations of A and of B, any unit. */
export function speedRatio(pairs: readonly { a: number; b: number }[]): Ratio {
  const ratios = pairs.map(({ a, b }) => a / b).toSorted((x, y) => x - y)
  return {
    median: median(ratios),
    lowest: ratios.at(0) ?? Number.NaN,
    highest: ratios.at(-1) ?? Number.NaN,
    pairs: ratios.length,
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((x, y) => x - y)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2
}

/** Runs both in the order of a coin flip. */
export async function inRandomOrder<T>(a: () => Promise<T>, b: () => Promise<T>): Promise<{ a: T; b: T }> {
  if (Math.random() < 0.5) return { a: await a(), b: await b() }
  const second = await b()
  return { a: await a(), b: second }
}
