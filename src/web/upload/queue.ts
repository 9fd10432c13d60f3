/**
 * The uploads of this page: which wait, run, have ended and how. Knows nothing of the browser: what sends is handed in.
 * Outlives the pages, so that one may look at the files while others are on their way.
 *
 * Invariants: at most `parallel` run at once; they start in the order in which they were added; an item that is changed
 * is replaced, so that a row whose item is the same object need not be drawn again.
 */
import { asApiError, type ApiError } from '../api-error.ts'
import type { Readable } from '../store.ts'
import { RateMeter } from './rate.ts'

export type UploadState = 'waiting' | 'sending' | 'finishing' | 'done' | 'failed' | 'refused' | 'cancelled'

export interface Job {
  name: string
  sizeBytes: number
}

export interface UploadItem<J extends Job, R> {
  id: number
  job: J
  state: UploadState
  sentBytes: number
  bytesPerSecond: number | null
  error: ApiError | null
  result: R | null
}

/** Sends one job; rejects when `signal` is aborted. `onProgress` may be called without new bytes, as a heartbeat. */
export type Send<J, R> = (job: J, onProgress: (sentBytes: number) => void, signal: AbortSignal) => Promise<R>

interface Options<J extends Job, R> {
  send: Send<J, R>
  /** Called once an item is done, has failed or was refused; not when it was cancelled. */
  onEnd?: (item: UploadItem<J, R>) => void
  parallel?: number
  now?: () => number
}

const PROGRESS_EVERY_MS = 120

export class UploadQueue<J extends Job, R> implements Readable<readonly UploadItem<J, R>[]> {
  #items: readonly UploadItem<J, R>[] = []
  #listeners = new Set<() => void>()
  #running = new Map<number, AbortController>()
  #nextId = 1
  #options: Required<Options<J, R>>

  constructor(options: Options<J, R>) {
    this.#options = { parallel: 2, now: Date.now, onEnd: () => {}, ...options }
  }

  get(): readonly UploadItem<J, R>[] {
    return this.#items
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** `refusal`: why it will not even be tried. */
  add(job: J, refusal: ApiError | null = null): void {
    const item: UploadItem<J, R> = {
      id: this.#nextId++,
      job,
      state: refusal ? 'refused' : 'waiting',
      sentBytes: 0,
      bytesPerSecond: null,
      error: refusal,
      result: null,
    }
    this.#items = [...this.#items, item]
    if (refusal) this.#options.onEnd(item)
    this.#fill()
  }

  cancel(id: number): void {
    this.#running.get(id)?.abort()
    this.#change(id, { state: 'cancelled', bytesPerSecond: null })
    this.#fill()
  }

  retry(id: number): void {
    this.#change(id, { state: 'waiting', sentBytes: 0, bytesPerSecond: null, error: null })
    this.#fill()
  }

  remove(id: number): void {
    this.#running.get(id)?.abort()
    this.#items = this.#items.filter((item) => item.id !== id)
    this.#fill()
  }

  /** Takes away all that has ended, well or badly. */
  clear(): void {
    this.#items = this.#items.filter(isUnderWay)
    this.#notify()
  }

  #fill(): void {
    for (const item of this.#items) {
      if (this.#running.size >= this.#options.parallel) break
      // A cancelled upload that is retried at once has to wait until its first attempt has let go.
      if (item.state === 'waiting' && !this.#running.has(item.id)) void this.#run(item)
    }
    this.#notify()
  }

  async #run({ id, job }: UploadItem<J, R>): Promise<void> {
    const controller = new AbortController()
    this.#running.set(id, controller)
    this.#change(id, { state: 'sending' })
    try {
      const result = await this.#options.send(job, this.#progressOf(id, job, controller.signal), controller.signal)
      this.#end(id, { state: 'done', sentBytes: job.sizeBytes, bytesPerSecond: null, result })
    } catch (error) {
      if (!controller.signal.aborted) {
        this.#end(id, { state: 'failed', bytesPerSecond: null, error: asApiError(error) })
      }
    } finally {
      this.#running.delete(id)
      this.#fill()
    }
  }

  #end(id: number, change: Partial<UploadItem<J, R>>): void {
    this.#change(id, change)
    const item = this.#items.find((one) => one.id === id)
    if (item) this.#options.onEnd(item)
  }

  #progressOf(id: number, job: J, signal: AbortSignal): (sentBytes: number) => void {
    const { now } = this.#options
    const meter = new RateMeter(now())
    let shownAt = Number.NEGATIVE_INFINITY
    return (sentBytes) => {
      const at = now()
      meter.sample(sentBytes, at)
      const isSent = sentBytes >= job.sizeBytes
      if (signal.aborted || (!isSent && at - shownAt < PROGRESS_EVERY_MS)) return
      shownAt = at
      const state = isSent ? 'finishing' : 'sending'
      // A form adds some bytes of its own around the file.
      const shown = Math.min(sentBytes, job.sizeBytes)
      this.#change(id, { state, sentBytes: shown, bytesPerSecond: meter.bytesPerSecond })
      this.#notify()
    }
  }

  #change(id: number, change: Partial<UploadItem<J, R>>): void {
    this.#items = this.#items.map((item) => (item.id === id ? { ...item, ...change } : item))
  }

  #notify(): void {
    for (const listener of this.#listeners) listener()
  }
}

export function isUnderWay({ state }: { state: UploadState }): boolean {
  return state === 'waiting' || state === 'sending' || state === 'finishing'
}

export interface Summary {
  underWay: number
  done: number
  failed: number
  sentBytes: number
  totalBytes: number
  bytesPerSecond: number
}

/** The whole of it, for the page's title and the line above the rows. */
export function summarize(items: readonly UploadItem<Job, unknown>[]): Summary {
  const sum: Summary = { underWay: 0, done: 0, failed: 0, sentBytes: 0, totalBytes: 0, bytesPerSecond: 0 }
  for (const item of items) {
    if (isUnderWay(item)) sum.underWay += 1
    else if (item.state === 'done') sum.done += 1
    else {
      if (item.state !== 'cancelled') sum.failed += 1
      continue
    }
    sum.sentBytes += item.sentBytes
    sum.totalBytes += item.job.sizeBytes
    sum.bytesPerSecond += item.bytesPerSecond ?? 0
  }
  return sum
}
