import { MAX_TIMER_MS } from '../base/index.ts'

/**
 * One timer for many deadlines: it rings at the earliest, and is set anew for the deadlines that are
 * left.
 */
export class Alarm {
  readonly #ring: () => void
  #atMs = Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(ring: () => void) {
    this.#ring = ring
  }

  /**
   * @param deadlineMs On the clock of `performance.now`; Infinity: never. A deadline that is over rings as soon as
   * may be.
   */
  ringBy(deadlineMs: number): void {
    if (deadlineMs >= this.#atMs) return
    this.cancel()
    this.#atMs = deadlineMs
    const delayMs = Math.max(0, Math.ceil(deadlineMs - performance.now()))
    this.#timer = setTimeout(
      () => {
        this.#atMs = Infinity
        this.#ring()
      },
      Math.min(delayMs, MAX_TIMER_MS),
    )
  }

  cancel(): void {
    clearTimeout(this.#timer)
    this.#atMs = Infinity
  }
}
