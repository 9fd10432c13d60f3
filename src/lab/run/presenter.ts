/** What a run tells while it goes on. Results do not depend on who listens. */
import type { Iteration } from '../results/result.ts'

export interface CellName {
  target: string
  ramMb: number
  fileSize: string
  iteration: number
}

export interface Presenter {
  phaseBegins(cell: CellName, name: string): void
  /** A phase has ended, well or with an error. */
  phase(cell: CellName, name: string, seconds: number, error: string | null): void
  /**
   * An iteration has its final outcome; `done` of `total` in the run, `secondsLeft` null while there is nothing to go
   * by.
   */
  iteration(
    cell: CellName,
    result: Iteration,
    progress: { done: number; total: number; secondsLeft: number | null },
  ): void
  note(text: string): void
  /** Nothing more will come. */
  end(): void
}

export function describeCell({ target, ramMb, fileSize, iteration }: CellName): string {
  return `${target} ${ramMb} MB ${fileSize} #${iteration}`
}
