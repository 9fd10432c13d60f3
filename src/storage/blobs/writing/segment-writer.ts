/** The main thread's half of a write: gathers chunks into segments, and hands them to the write thread. */
import type { FinishedBlob, ResumableWriter } from '../blob-store.ts'
import { SEGMENT_BYTES, type Segment, type SegmentPool } from './segment-pool.ts'
import type { FromWorker, ToWorker } from './write-messages.ts'
import { StorageError } from '../../errors.ts'

/** Segments that one writer may have with the worker, so that a stalled upload leaves some for the others. */
const MAX_LENT = 4

/** What a driver says of a blob that it begins or resumes. */
export interface WriteJob {
  key: string
  /** Names the target to the driver's half in the write thread; for files, the path of the partial file. */
  target: string
  /** null: create the target. n: continue the existing target after byte n. */
  resumeAt: number | null
  /** Whether a failure leaves the unfinished target. */
  isResumable: boolean
  /** Makes the finished target readable under its key, durably. */
  publish(): Promise<void>
  /** Removes a target that the thread has already closed, published or not. */
  discard(): Promise<void>
  /** The error that callers see for an error of the target. */
  translate(error: Error): Error
}

export interface SegmentWriterOptions extends WriteJob {
  id: number
  pool: SegmentPool
  post(message: ToWorker): void
  /** Called once when the worker owes nothing more for this writer. */
  onSettled(): void
}

export class SegmentWriter implements ResumableWriter {
  readonly key: string
  sizeBytes = 0
  flushedBytes = 0
  readonly #options: SegmentWriterOptions
  readonly #failure = new AbortController()
  readonly #opened = Promise.withResolvers<void>()
  readonly #hashed = Promise.withResolvers<string>()
  readonly #aborted = Promise.withResolvers<void>()
  readonly #lent = new Map<number, Segment>()
  #current: Segment | null = null
  #filledBytes = 0
  /** Bytes that found no free segment: at most one chunk, because `write` has returned false then. */
  #overflow: Uint8Array | null = null
  #drain: PromiseWithResolvers<void> | null = null
  #flush: PromiseWithResolvers<number> | null = null
  #state: 'writing' | 'finished' | 'aborting' | 'over' = 'writing'

  constructor(options: SegmentWriterOptions) {
    this.#options = options
    this.key = options.key
    // A failure reaches the caller through whichever of these it awaits; the others must not count as unhandled.
    for (const { promise } of [this.#opened, this.#hashed]) promise.catch(() => {})
    const { id, target, resumeAt, isResumable } = options
    options.post({ type: 'open', id, target, resumeAt, isResumable })
  }

  get opened(): Promise<void> {
    return this.#opened.promise
  }

  get failed(): AbortSignal {
    return this.#failure.signal
  }

  write(chunk: Uint8Array): boolean {
    if (this.#state !== 'writing') return true
    this.sizeBytes += chunk.length
    const rest = this.#copyIn(chunk)
    if (rest.length > 0) this.#keepOverflow(rest)
    if (this.#current && this.#lent.size === 0) this.#lend()
    return this.#isReady()
  }

  drained(): Promise<void> {
    if (this.#failure.signal.aborted) return Promise.reject(this.#failure.signal.reason as Error)
    if (this.#isReady()) return Promise.resolve()
    this.#drain ??= Promise.withResolvers<void>()
    return this.#drain.promise
  }

  async flush(): Promise<number> {
    // One at a time; the running one may have begun before the last bytes were taken.
    while (this.#flush) await this.#flush.promise
    if (this.#state !== 'writing') throw this.#over()
    const flushed = Promise.withResolvers<number>()
    flushed.promise.catch(() => {})
    this.#flush = flushed
    await this.#handOver()
    this.#options.post({ type: 'flush', id: this.#options.id })
    return await flushed.promise
  }

  async finish(): Promise<FinishedBlob> {
    await this.#handOver()
    this.#options.post({ type: 'finish', id: this.#options.id })
    const sha256 = await this.#hashed.promise
    if (this.#state !== 'writing') {
      await this.#discard()
      throw this.#over()
    }
    this.#state = 'finished'
    try {
      await this.#options.publish()
    } catch (error) {
      await this.#discard()
      throw error instanceof Error ? this.#options.translate(error) : error
    }
    return { key: this.key, sizeBytes: this.sizeBytes, sha256 }
  }

  async abort(): Promise<void> {
    await this.#giveUp(false)
  }

  async leave(): Promise<void> {
    await this.#giveUp(true)
  }

  /** What the worker says of this writer. */
  receive(message: FromWorker): void {
    if (message.type === 'opened') {
      this.sizeBytes = message.sizeBytes
      this.flushedBytes = message.sizeBytes
      this.#opened.resolve()
    }
    if (message.type === 'written') this.#takeBack(message.segment)
    if (message.type === 'flushed') {
      this.flushedBytes = message.sizeBytes
      this.#flush?.resolve(message.sizeBytes)
      this.#flush = null
    }
    if (message.type === 'finished') this.#hashed.resolve(message.sha256)
    if (message.type === 'failed') {
      this.flushedBytes = message.flushedBytes
      this.fail(Object.assign(message.error, { code: message.code }))
    }
    if (message.type === 'aborted') {
      this.#state = 'over'
      this.#aborted.resolve()
    }
    const isSettled = this.#lent.size === 0 && (message.type === 'finished' || this.#state === 'over')
    if (isSettled) this.#options.onSettled()
  }

  /** Ends the writer with an error: the worker's, or the worker's death. */
  fail(cause: Error): void {
    const error = this.#options.translate(cause)
    this.#state = 'over'
    // A dead worker returns nothing; a living one has returned all before it says that it failed.
    for (const segment of this.#lent.values()) this.#options.pool.giveBack(segment)
    this.#lent.clear()
    this.#release()
    this.#failure.abort(error)
    this.#opened.reject(error)
    this.#hashed.reject(error)
    this.#drain?.reject(error)
    this.#endFlush(error)
    this.#aborted.resolve()
  }

  async #giveUp(keepsTarget: boolean): Promise<void> {
    if (this.#state !== 'writing') return
    this.#state = 'aborting'
    this.#release()
    this.#endFlush(this.#over())
    this.#drain?.reject(this.#over())
    this.#drain = null
    this.#options.post({ type: 'abort', id: this.#options.id, keepsTarget })
    await this.#aborted.promise
  }

  #endFlush(error: Error): void {
    this.#flush?.reject(error)
    this.#flush = null
  }

  /** Why a writer that no longer writes does not. */
  #over(): Error {
    if (this.#failure.signal.aborted) return this.#failure.signal.reason as Error
    return new StorageError('UPLOAD_INTERRUPTED', 'the upload was given up')
  }

  async #discard(): Promise<void> {
    if (!this.#options.isResumable) await this.#options.discard()
  }

  /** Hands everything that was taken to the worker. */
  async #handOver(): Promise<void> {
    while (this.#overflow) await this.drained()
    if (this.#current) this.#lend()
  }

  #isReady(): boolean {
    return !this.#overflow && this.#lent.size < MAX_LENT
  }

  /** Copies into segments what fits. @returns what found no segment. */
  #copyIn(chunk: Uint8Array): Uint8Array {
    let rest = chunk
    while (rest.length > 0) {
      this.#current ??= this.#options.pool.take()
      if (!this.#current) break
      const part = rest.subarray(0, SEGMENT_BYTES - this.#filledBytes)
      this.#current.bytes.set(part, this.#filledBytes)
      this.#filledBytes += part.length
      rest = rest.subarray(part.length)
      if (this.#filledBytes === SEGMENT_BYTES) this.#lend()
    }
    return rest
  }

  #keepOverflow(rest: Uint8Array): void {
    const isWaiting = this.#overflow !== null
    this.#overflow = this.#overflow ? Buffer.concat([this.#overflow, rest]) : Uint8Array.from(rest)
    if (!isWaiting) this.#options.pool.whenFree(() => this.#storeOverflow())
  }

  #storeOverflow(): void {
    const overflow = this.#overflow
    // Given up meanwhile: the segment that came free is the next one's.
    if (!overflow) return this.#options.pool.wakeNext()
    this.#overflow = null
    const rest = this.#copyIn(overflow)
    if (rest.length > 0) this.#keepOverflow(rest)
    this.#continue()
  }

  #lend(): void {
    if (!this.#current) return
    const segment = this.#current.index
    this.#lent.set(segment, this.#current)
    this.#options.post({ type: 'write', id: this.#options.id, segment, length: this.#filledBytes })
    this.#current = null
    this.#filledBytes = 0
  }

  #takeBack(index: number): void {
    const segment = this.#lent.get(index)
    this.#lent.delete(index)
    if (segment) this.#options.pool.giveBack(segment)
    if (this.#state === 'writing') this.#continue()
  }

  #continue(): void {
    if (this.#current && this.#lent.size === 0) this.#lend()
    if (!this.#drain || !this.#isReady()) return
    this.#drain.resolve()
    this.#drain = null
  }

  /** Gives back what the worker has not seen. */
  #release(): void {
    if (this.#current) this.#options.pool.giveBack(this.#current)
    this.#current = null
    this.#filledBytes = 0
    this.#overflow = null
  }
}
