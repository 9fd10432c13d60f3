/**
 * How long a lock may go from hand to hand within one process before the first in line gets it, wherever that one is.
 * Passing it to another process takes a hundred times as long as a short use, so short uses gain much. The count
 * makes turns equal; with uses longer than the time the line is strictly first come, first served.
 */
const TURN_USES = 40
const TURN_MS = 10

export class ProcessTurns {
  readonly #turns = new Map<string, { sinceMs: number; uses: number }>()

  begin(lock: string): void {
    this.#turns.set(lock, { sinceMs: performance.now(), uses: 1 })
  }

  /** Counts a use by the next caller of this process; begins a new turn when the last one is over. */
  use(lock: string): void {
    const turn = this.#turns.get(lock)
    if (turn && !this.isOver(lock)) turn.uses += 1
    else this.begin(lock)
  }

  isOver(lock: string): boolean {
    const turn = this.#turns.get(lock)
    return !turn || turn.uses >= TURN_USES || performance.now() - turn.sinceMs >= TURN_MS
  }

  end(lock: string): void {
    this.#turns.delete(lock)
  }
}
