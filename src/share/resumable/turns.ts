/** One request at a time for each resumable upload, and what becomes of a request that no longer moves. */
import type { IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock } from '../../base/index.ts'
import { ShareError } from '../errors.ts'

/** After so long without a byte a newcomer may cut the request: its client has most likely gone and come back. */
const STALE_AFTER_MS = 10_000
/**
 * How long a newcomer waits for the request before it. A client that resets its connection and comes back on another is
 * often heard before its reset, and before the bytes that it had sent ahead of that.
 */
const SETTLE_MS = 1000
/**
 * How long a request that came on a new connection may take to be seen, when one on an old connection is seen before
 * it.
 */
const ARRIVAL_MS = 20

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
   * Takes the upload for a request. Waits a moment for one before it, and as long as it takes for one whose client has
   * gone; a stalled one is cut first.
   * @throws UPLOAD_BUSY while another request is at work.
   */
  async take(id: string, request: IncomingMessage | null): Promise<Turn> {
    const running = this.#turns.get(id)
    // At once, so that whoever asks for the offset next is told what this request brings.
    if (!running) return this.#begin(id, request)
    const isStale = this.#clock.now() - running.lastByteAt >= STALE_AFTER_MS
    if (isStale) running.request?.destroy()
    await this.#settled(id)
    return this.#begin(id, request)
  }

  /** Takes the upload for its end: cuts a request that is at work. @throws UPLOAD_BUSY when another was faster. */
  async seize(id: string): Promise<Turn> {
    const running = this.#turns.get(id)
    running?.request?.destroy()
    await running?.over
    return this.#begin(id, null)
  }

  /** Resolves when what the client had sent before has been seen and put away, so that the offset is known. */
  async arrived(id: string): Promise<void> {
    await sleep(ARRIVAL_MS, null, { ref: false })
    await this.#settled(id)
  }

  /** Resolves when no request is putting away received bytes, or when one is truly at work. */
  async #settled(id: string): Promise<void> {
    const running = this.#turns.get(id)
    if (!running) return
    if (!running.isEnding) await Promise.race([running.over, sleep(SETTLE_MS, null, { ref: false })])
    if (running.isEnding) await running.over
  }

  #begin(id: string, request: IncomingMessage | null): Turn {
    if (this.#turns.has(id)) {
      throw new ShareError('UPLOAD_BUSY', `another request is sending the upload ${id}`, {
        hint: 'Wait for it to end, ask for the offset with HEAD, and go on from there.',
        retryable: true,
      })
    }
    const turn = new Turn(request, this.#clock.now(), () => this.#turns.delete(id))
    this.#turns.set(id, turn)
    return turn
  }
}
