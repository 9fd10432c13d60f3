/**
 * The speed of an upload, smoothed so that a person can read it: recent seconds count most. Not for statistics.
 */
const MEMORY_MS = 4000
const SHORTEST_SAMPLE_MS = 200
/** Below this nothing is moving in any sense that a time left could be told from. */
const STALLED_BYTES_PER_SECOND = 500

export class RateMeter {
  #lastBytes = 0
  #lastAt: number
  #weighted = 0
  #weight = 0

  constructor(startedAt: number) {
    this.#lastAt = startedAt
  }

  /** `bytes`: sent in all so far. A call without new bytes is welcome too: it lets the speed sink. */
  sample(bytes: number, at: number): void {
    const elapsed = at - this.#lastAt
    if (elapsed < SHORTEST_SAMPLE_MS) return
    const keep = Math.exp(-elapsed / MEMORY_MS)
    const rate = ((bytes - this.#lastBytes) / elapsed) * 1000
    this.#weighted = this.#weighted * keep + rate * (1 - keep)
    // Dividing by the weights seen so far makes the first seconds right, which otherwise start from zero.
    this.#weight = this.#weight * keep + (1 - keep)
    this.#lastBytes = bytes
    this.#lastAt = at
  }

  /** `null` before the first sample. */
  get bytesPerSecond(): number | null {
    return this.#weight === 0 ? null : Math.max(0, this.#weighted / this.#weight)
  }
}

/** `null` when it cannot be told: not known yet, or nothing moves. */
export function secondsLeft(remainingBytes: number, bytesPerSecond: number | null): number | null {
  if (bytesPerSecond === null || bytesPerSecond < STALLED_BYTES_PER_SECOND) return null
  return remainingBytes / bytesPerSecond
}
