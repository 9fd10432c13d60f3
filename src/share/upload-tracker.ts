/** Where each upload stands: for progress events, the list of running uploads, metrics, and a shutdown that waits. */
import { EventEmitter, once } from 'node:events'
import { Counter, Gauge, HoldfastError, randomId, type Clock, type Metrics } from '../base/index.ts'
import { ShareError } from './errors.ts'

/** What a client may choose as an id, so that it can watch an upload that it is about to start. */
const UPLOAD_ID_PATTERN = /^[A-Za-z0-9_-]{8,64}$/

/** Speed is taken over so much of the recent past. */
const SPEED_WINDOW_MS = 5000
const SAMPLE_EVERY_MS = 250
/** No byte for so long, and an upload counts as stalled. */
const STALLED_AFTER_MS = 10_000
/** A finished upload can be asked for this long, by a watcher that comes late. */
const REMEMBER_MS = 60_000

export interface UploadSnapshot {
  id: string
  state: 'active' | 'stalled' | 'complete' | 'failed'
  /** Bytes of the request body received so far; of all its requests for a resumable upload. */
  bytes: number
  /** Length of the request body or of the resumable upload, or null when the client did not say. */
  total: number | null
  bytes_per_second: number
  /** Null when it cannot be known. */
  eta_seconds: number | null
  /** Id of the file, once complete. */
  file_id: string | null
  /** Why it failed. */
  error: { code: string; message: string } | null
}

export class TrackedUpload {
  readonly id: string
  /** Null until it is known. */
  total: number | null
  readonly startedAt: number
  /** Emits `change` when the upload ends. */
  readonly events = new EventEmitter()
  /** Bytes received so far, over earlier connections too. */
  bytes: number
  /** Between two requests of a resumable upload: it may go on, and need not be waited for. */
  isWaiting = false
  #end: Pick<UploadSnapshot, 'state' | 'file_id' | 'error'> | null = null
  #lastByteAt: number
  #samples: { at: number; bytes: number }[]
  readonly #clock: Clock

  constructor(id: string, total: number | null, bytes: number, clock: Clock) {
    this.id = id
    this.bytes = bytes
    this.total = total
    this.#clock = clock
    this.startedAt = clock.now()
    this.#lastByteAt = this.startedAt
    this.#samples = [{ at: this.startedAt, bytes }]
    this.events.setMaxListeners(0)
  }

  add(bytes: number): void {
    this.bytes += bytes
    const now = this.#clock.now()
    this.#lastByteAt = now
    const newest = this.#samples.at(-1)
    if (newest && now - newest.at < SAMPLE_EVERY_MS) return
    this.#samples.push({ at: now, bytes: this.bytes })
    if (this.#samples.length > SPEED_WINDOW_MS / SAMPLE_EVERY_MS) this.#samples.shift()
  }

  end(outcome: { fileId: string } | { error: HoldfastError }): void {
    const isComplete = 'fileId' in outcome
    this.#end = {
      state: isComplete ? 'complete' : 'failed',
      file_id: isComplete ? outcome.fileId : null,
      error: isComplete ? null : { code: outcome.error.code, message: outcome.error.message },
    }
    this.events.emit('change')
  }

  snapshot(): UploadSnapshot {
    const now = this.#clock.now()
    const oldest = this.#samples[0] ?? { at: now, bytes: 0 }
    const seconds = Math.max(now - oldest.at, 1) / 1000
    const speed = Math.round((this.bytes - oldest.bytes) / seconds)
    const left = this.total === null ? null : this.total - this.bytes
    const end = this.#end ?? {
      state: now - this.#lastByteAt >= STALLED_AFTER_MS ? ('stalled' as const) : ('active' as const),
      file_id: null,
      error: null,
    }
    return {
      id: this.id,
      ...end,
      bytes: this.bytes,
      total: this.total,
      bytes_per_second: end.state === 'stalled' ? 0 : speed,
      eta_seconds: left === null || speed === 0 || end.state === 'stalled' ? null : Math.ceil(left / speed),
    }
  }
}

/** @throws INVALID_REQUEST */
export function requireUploadId(id: string): void {
  if (UPLOAD_ID_PATTERN.test(id)) return
  throw new ShareError('INVALID_REQUEST', 'invalid upload: an id has 8 to 64 letters, digits, "-" or "_"')
}

export class UploadTracker {
  readonly #clock: Clock
  readonly #uploads = new Map<string, TrackedUpload>()
  readonly #ended = new Map<string, TrackedUpload>()
  readonly #events = new EventEmitter()
  readonly #outcomes: Counter<'outcome'>
  readonly #bytes: Counter

  constructor(clock: Clock, metrics: Metrics) {
    this.#clock = clock
    this.#events.setMaxListeners(0)
    const active: Gauge = new Gauge({
      name: 'holdfast_uploads_active',
      help: 'Uploads that are running.',
      registers: [metrics],
      collect: () => active.set(this.active().length),
    })
    this.#outcomes = new Counter({
      name: 'holdfast_uploads_total',
      help: 'Uploads that have ended, by outcome.',
      labelNames: ['outcome'],
      registers: [metrics],
    })
    for (const outcome of ['complete', 'failed']) this.#outcomes.inc({ outcome }, 0)
    this.#bytes = new Counter({
      name: 'holdfast_upload_bytes_total',
      help: 'Bytes of uploads that have ended.',
      registers: [metrics],
    })
  }

  /**
   * @param id the client's choice, or undefined for an id of ours.
   * @param bytes what is there already, of an upload that goes on.
   * @throws INVALID_REQUEST for a malformed id, CONFLICT when an upload of that id is running.
   */
  begin(id: string | undefined, total: number | null, bytes = 0): TrackedUpload {
    const chosen = id ?? randomId(16)
    requireUploadId(chosen)
    if (this.#uploads.has(chosen))
      throw new ShareError('CONFLICT', `an upload with the id ${chosen} is running already`)
    const upload = new TrackedUpload(chosen, total, bytes, this.#clock)
    this.#uploads.set(chosen, upload)
    this.#events.emit(`begin:${chosen}`)
    return upload
  }

  isRunning(id: string): boolean {
    return this.#uploads.has(id)
  }

  end(upload: TrackedUpload, outcome: Parameters<TrackedUpload['end']>[0]): void {
    this.#uploads.delete(upload.id)
    this.#ended.set(upload.id, upload)
    const forget = () => {
      if (this.#ended.get(upload.id) === upload) this.#ended.delete(upload.id)
    }
    setTimeout(forget, REMEMBER_MS).unref()
    this.#outcomes.inc({ outcome: 'fileId' in outcome ? 'complete' : 'failed' })
    this.#bytes.inc(upload.bytes)
    upload.end(outcome)
    this.#events.emit('end')
  }

  /** The uploads that are being received now. */
  active(): TrackedUpload[] {
    return [...this.#uploads.values()].filter((upload) => !upload.isWaiting)
  }

  /** The upload that runs or has just ended under this id, waiting for it to begin until the signal aborts. */
  async find(id: string, signal: AbortSignal): Promise<TrackedUpload | null> {
    const known = () => this.#uploads.get(id) ?? this.#ended.get(id) ?? null
    if (known()) return known()
    try {
      await once(this.#events, `begin:${id}`, { signal })
    } catch {
      // Aborted: it did not begin in time.
    }
    return known()
  }
}
