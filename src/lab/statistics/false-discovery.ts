/**
 * Benjamini and Hochberg (1995): p-values adjusted for their number, so that on average at most the
 * level's share of a matrix's discoveries is false. Same order as given.
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
