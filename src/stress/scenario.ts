/** What a stress scenario is and what it tells. */
export interface Scenario {
  /** The name that the findings behind it gave it. */
  name: string
  suite: 'state' | 'lock'
  /** The earlier builder's figures for the same scenario, for comparison; empty where it had none. */
  seed: string
  run(context: StressContext): Promise<Outcome>
}

export interface StressContext {
  /** An empty folder of the scenario's own, removed afterwards. */
  folder: string
  /** How long scenarios that go by time take. */
  seconds: number
  /** Scales the sizes that would take minutes (a million builds, 300 kills): 1 is full size. */
  scale: number
}

export interface Outcome {
  /** The measurements: name and value with unit. */
  figures: Record<string, string>
  /** What should not be, empty when all is well. */
  failures: string[]
  /** Set when it could not be run here, with the reason. */
  skipped?: string
}

/** Collects what should not be. */
export class Expectations {
  readonly failures: string[] = []

  that(holds: boolean, otherwise: string): void {
    if (!holds) this.failures.push(otherwise)
  }

  /** Expects `task` to be refused with this code. */
  async refusal(code: string, task: () => Promise<unknown>): Promise<void> {
    const outcome = await task().then(
      () => 'nothing',
      (error: unknown) => (error instanceof Error && 'code' in error ? String(error.code) : String(error)),
    )
    this.that(outcome === code, `expected ${code}, but got ${outcome}`)
  }
}

/** `12.3 ms`, `45 us`, `1.2 s`. */
export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toPrecision(3)} s`
  return ms >= 1 ? `${ms.toPrecision(3)} ms` : `${(ms * 1000).toPrecision(3)} us`
}

export function perSecond(count: number, ms: number): string {
  return `${Math.round((count / ms) * 1000)}/s`
}

/** Least over most served: 1 is perfectly fair. */
export function fairness(served: readonly number[]): number {
  return Math.max(...served) === 0 ? 0 : Math.min(...served) / Math.max(...served)
}
