/** Whether uploads and downloads would work: shown by a real write, a rename and a wait for the disk. */
import { HoldfastError, messageOf, type Log } from '../base/index.ts'
import type { Share } from '../share/index.ts'
import { diskError, type BlobStore, type Database } from '../storage/index.ts'
import { ServerError } from './errors.ts'

/** Monitors ask often, and each answer costs a wait for the disk. */
const FRESH_MS = 1000
/** A disk that hangs does not answer at all. */
const DEADLINE_MS = 5000

export type Checks = Record<'database' | 'blobs' | 'disk', string>

export class Readiness {
  readonly #parts: { database: Database; blobs: BlobStore; share: Share; log: Log }
  #last: { at: number; checks: Promise<Checks> } | null = null
  /** Probes that a hung disk has not answered. */
  readonly #running = new Map<string, Promise<unknown>>()
  /** The reason that the log has last been told, by part; none for a part that works. */
  readonly #told = new Map<string, string>()

  constructor(parts: { database: Database; blobs: BlobStore; share: Share; log: Log }) {
    this.#parts = parts
  }

  /** `ok` or a reason for each part, without paths: anybody may ask. The log has the details. */
  async checks(): Promise<Checks> {
    const now = performance.now()
    if (!this.#last || now - this.#last.at >= FRESH_MS) this.#last = { at: now, checks: this.#check() }
    return await this.#last.checks
  }

  async #check(): Promise<Checks> {
    const { database, blobs, share } = this.#parts
    const [ofDatabase, ofBlobs, ofDisk] = await Promise.all([
      this.#attempt('database', () => database.ping()),
      this.#attempt('blobs', () => blobs.probe()),
      this.#attempt('disk', async () => {
        if ((await share.freeSpace.available()) === 0) throw new ServerError('NO_SPACE', 'no space left for uploads')
      }),
    ])
    return { database: ofDatabase, blobs: ofBlobs, disk: ofDisk }
  }

  async #attempt(part: string, task: () => Promise<unknown>): Promise<string> {
    try {
      const running = this.#running.get(part) ?? task()
      this.#running.set(part, running)
      running.finally(() => this.#running.delete(part)).catch(() => {})
      await Promise.race([running, afterDeadline()])
      this.#told.delete(part)
      return 'ok'
    } catch (error) {
      this.#tell(part, error)
      const known = error instanceof HoldfastError ? error : diskError(error)
      return known?.message ?? 'it cannot be read or written'
    }
  }

  /** Once for each failure of a part, not for each question. */
  #tell(part: string, error: unknown): void {
    const reason = messageOf(error)
    if (this.#told.get(part) === reason) return
    this.#told.set(part, reason)
    this.#parts.log.error({ err: error, part }, 'not ready')
  }
}

function afterDeadline(): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  const late = () => reject(new ServerError('NOT_READY', 'the disk does not answer'))
  setTimeout(late, DEADLINE_MS).unref()
  return promise
}
