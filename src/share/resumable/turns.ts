/** One request at a time for each resumable upload, and what becomes of a request that no longer moves. */
import type { IncomingMessage } from 'node:http'
import { HoldfastError, type Clock } from '../../base/index.ts'

/** After so long without a byte a newcomer may cut the request: its client has most likely gone and come back. */
const STALE_AFTER_MS = 10_000

export class Turn implements Disposable {
  /** Null for work of our own, which is never cut. */
  readonly request: IncomingMessage | null
  readonly over: Promise<void>
  lastByteAt: number
  readonly #end: () => void

  constructor(request: IncomingMessage | null, now: number, onEnd: () => void) {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.request = request
    this.over = promise
    this.lastByteAt = now
    this.#end = () => {
      onEnd()
      resolve()
    }
  }

  /** Whether its client has gone: it only puts away what has arrived. */
  get isEnding(): boolean {
    return this.request?.destroyed ?? false
  }

  [Symbol.dispose](): void {
    this.#end()
  }
}

export class Turns {
  readonly #turns = new Map<string, Turn>()
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  isTaken(id: string): boolean {
    return this.#turns.has(id)
  }

  /**
   * Takes the upload for a request. Waits for one whose client has gone; one that has stalled is cut first.
   * @throws UPLOAD_BUSY while another request is at work.
   */
  async take(id: string, request: IncomingMessage | null): Promise<Turn> {
    const running = this.#turns.get(id)
    if (running) {
      const isStale = this.#clock.now() - running.lastByteAt >= STALE_AFTER_MS
      if (isStale) running.request?.destroy()
      if (running.isEnding) await running.over
    }
    return this.#begin(id, request)
  }

  /** Takes the upload for its end: cuts a request that is at work. @throws UPLOAD_BUSY when another was faster. */
  async seize(id: string): Promise<Turn> {
    const running = this.#turns.get(id)
    running?.request?.destroy()
    await running?.over
    return this.#begin(id, null)
  }

  /** Resolves when nobody is putting away what has arrived: only then is the offset known. */
  async settled(id: string): Promise<void> {
    const running = this.#turns.get(id)
    if (running?.isEnding) await running.over
  }

  #begin(id: string, request: IncomingMessage | null): Turn {
    if (this.#turns.has(id)) {
      throw new HoldfastError('UPLOAD_BUSY', `another request is sending the upload ${id}`, {
        hint: 'Wait for it to end, ask for the offset with HEAD, and go on from there.',
        retryable: true,
      })
    }
    const turn = new Turn(request, this.#clock.now(), () => this.#turns.delete(id))
    this.#turns.set(id, turn)
    return turn
  }
}
