/** Shared memory segments for bytes on their way to the write thread: a fixed number, lent in turn. */

/** Bytes of one segment: large enough that a write costs little, small enough that many uploads share the pool. */
export const SEGMENT_BYTES = 256 * 1024
const SEGMENT_COUNT = 32

export interface Segment {
  index: number
  bytes: Uint8Array
}

export class SegmentPool {
  readonly buffers: SharedArrayBuffer[] = []
  /** Free ones, the last used on top: its pages are resident and warm, and the rest need never become so. */
  readonly #free: Segment[] = []
  readonly #waiting: (() => void)[] = []

  constructor() {
    for (let index = SEGMENT_COUNT - 1; index >= 0; index--) {
      const buffer = new SharedArrayBuffer(SEGMENT_BYTES)
      this.buffers[index] = buffer
      this.#free.push({ index, bytes: new Uint8Array(buffer) })
    }
  }

  /** A segment, or null when all are lent. */
  take(): Segment | null {
    return this.#free.pop() ?? null
  }

  giveBack(segment: Segment): void {
    this.#free.push(segment)
    this.wakeNext()
  }

  /** For a writer that was called back and needs no segment: passes the call on. */
  wakeNext(): void {
    this.#waiting.shift()?.()
  }

  /** Calls back once, first come first served, when a segment has come back. */
  whenFree(callback: () => void): void {
    this.#waiting.push(callback)
  }
}
