/** Removes what is over: expired files, blobs without a row, what crashed uploads left. */
import type { Clock, Log } from '../base/index.ts'
import type { BlobStore } from '../storage/index.ts'
import type { Files } from './files.ts'
import type { ResumableUploads } from './resumable/resumable-uploads.ts'
import type { Uploads } from './uploads.ts'

export interface Sweep {
  expiredFiles: number
  orphanedBlobs: number
  leftovers: number
  abandonedUploads: number
}

/**
 * How long bytes that belong to no file are kept: an older database, or none, may have been put in the place of the one that
 * knows them. A crash leaves such bytes too, of one upload or deletion at most.
 */
const QUARANTINE_MS = 7 * 24 * 3600 * 1000
const ORPHANS_FOUND =
  'stored bytes belong to no file: kept in uploads/ for 7 days. If an older database was put back, stop the server and put the newest one in its place'

export class Sweeper {
  readonly #files: Files
  readonly #blobs: BlobStore
  readonly #uploads: Uploads
  readonly #resumable: ResumableUploads
  readonly #log: Log
  readonly #clock: Clock
  #timer: NodeJS.Timeout | null = null
  #running: Promise<unknown> = Promise.resolve()

  constructor(
    files: Files,
    blobs: BlobStore,
    uploads: Uploads,
    resumable: ResumableUploads,
    { log, clock }: { log: Log; clock: Clock },
  ) {
    this.#files = files
    this.#blobs = blobs
    this.#uploads = uploads
    this.#resumable = resumable
    this.#log = log
    this.#clock = clock
  }

  /** Sweeps now and then every `intervalMs`. A sweep that fails is logged, and the next one tries again. */
  start(intervalMs: number): void {
    const sweep = () => {
      this.#running = this.sweep().catch((error: unknown) => this.#log.error({ err: error }, 'the sweep failed'))
    }
    sweep()
    this.#timer = setInterval(sweep, intervalMs)
    this.#timer.unref()
  }

  /** Ends the sweeping; resolves when none runs. */
  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    await this.#running
  }

  async sweep(): Promise<Sweep> {
    // Each by itself: what one of them cannot remove must not keep the others from making room.
    const swept = {
      leftovers: await this.#attempt(() => this.#blobs.removeLeftovers(async (key) => this.#files.hasBlob(key))),
      orphanedBlobs: await this.#attempt(() => this.#sweepOrphans()),
      abandonedUploads: await this.#attempt(() => this.#resumable.sweep()),
      expiredFiles: await this.#attempt(() => this.#removeExpired()),
    }
    if (Object.values(swept).some((count) => count > 0)) this.#log.info(swept, 'swept')
    return swept
  }

  async #attempt(step: () => Promise<number>): Promise<number> {
    try {
      return await step()
    } catch (error) {
      this.#log.error({ err: error }, 'a part of the sweep failed')
      return 0
    }
  }

  async #removeExpired(): Promise<number> {
    const expired = await this.#files.expired()
    for (const id of expired) await this.#files.remove(id)
    return expired.length
  }

  /** Puts blobs without a row into quarantine, takes back those that have one again. @returns how many were removed in the end. */
  async #sweepOrphans(): Promise<number> {
    let removed = 0
    for await (const { key, since } of this.#blobs.quarantined()) {
      if (await this.#files.hasBlob(key)) await this.#blobs.release(key)
      else if (this.#clock.now() - since >= QUARANTINE_MS) {
        await this.#blobs.delete(key)
        removed += 1
      }
    }
    let found = 0
    for await (const { key } of this.#blobs.list()) {
      // In this order: an upload that ends between the two questions has its row by the second.
      if (this.#uploads.isInFlight(key) || (await this.#files.hasBlob(key))) continue
      found += await this.#attempt(async () => (await this.#blobs.quarantine(key), 1))
    }
    if (found > 0) this.#log.warn({ blobs: found }, ORPHANS_FOUND)
    return removed
  }
}
