/**
 * Benjamini and Hochberg (1995): p-values adjusted for their number, so that of the differences that a
 * matrix calls, on average no more than the level are false. Same order as given.
 */
export function adjustForMany(ps: readonly number[]): number[] {
  const order = ps.map((_, index) => index).toSorted((a, b) => (ps[b] ?? 1) - (ps[a] ?? 1))
  const adjusted = Array.from(ps, () => 1)
  let smallest = 1
  for (const [position, index] of order.entries()) {
    smallest = Math.min(smallest, ((ps[index] ?? 1) * ps.length) / (ps.length - position))
    adjusted[index] = smallest
  }
  return adjusted
}
