/** Twice the rank of each value, from 2 on: doubled, so that ranks which ties share (such as 2.5) are whole numbers. */
export function doubledRanks(values: readonly number[]): number[] {
  const order = values.map((_, index) => index).toSorted((a, b) => (values[a] ?? 0) - (values[b] ?? 0))
  const ranks = Array.from(values, () => 0)
  for (let from = 0; from < order.length;) {
    let to = from
    while (to < order.length && values[order[to] ?? 0] === values[order[from] ?? 0]) to++
    for (let index = from; index < to; index++) ranks[order[index] ?? 0] = from + 1 + to
    from = to
  }
  return ranks
}
