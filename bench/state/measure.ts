/** Times work of several rivals, interleaved, so that a machine that slows down slows them all. */
export interface Row {
  work: string
  ours: string
  /** What others took for the same work, by name. */
  peers: Record<string, string>
  bar: string
  /** Whether the bar is met; undefined where there is none. */
  holds?: boolean
}

export type Work = (turn: number) => unknown

/** Works of one rival in a row before the next has its turn, like a program with many saves. */
const IN_A_ROW = 20

/** Median milliseconds of each rival's work, over `rounds` of them, in turns of some. */
export async function race<Name extends string>(
  rivals: Record<Name, Work>,
  rounds: number,
  warmUps = Math.ceil(rounds / 10),
): Promise<Record<Name, number>> {
  const names = Object.keys(rivals) as Name[]
  const times = new Map(names.map((name) => [name, [] as number[]]))
  for (let first = -warmUps; first < rounds; first += IN_A_ROW) {
    for (const name of names) {
      for (let turn = first; turn < Math.min(first + IN_A_ROW, rounds); turn++) {
        const startedAt = performance.now()
        await rivals[name](turn + warmUps)
        if (turn >= 0) times.get(name)?.push(performance.now() - startedAt)
      }
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times.get(name) ?? [])])) as Record<Name, number>
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

export async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

export function ms(value: number): string {
  if (value >= 1) return `${value.toPrecision(3)} ms`
  return value >= 0.001 ? `${(value * 1000).toPrecision(3)} us` : `${(value * 1e6).toPrecision(3)} ns`
}
