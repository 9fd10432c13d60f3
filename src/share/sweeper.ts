/** Removes what is over: expired files, blobs without a row, what crashed uploads left. */
import type { Log } from '../base/index.ts'
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

export class Sweeper {
  readonly #files: Files
  readonly #blobs: BlobStore
  readonly #uploads: Uploads
  readonly #resumable: ResumableUploads
  readonly #log: Log
  #timer: NodeJS.Timeout | null = null
  #running: Promise<unknown> = Promise.resolve()

  constructor(files: Files, blobs: BlobStore, uploads: Uploads, resumable: ResumableUploads, log: Log) {
    this.#files = files
    this.#blobs = blobs
    this.#uploads = uploads
    this.#resumable = resumable
    this.#log = log
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
    const expired = await this.#files.expired()
    for (const id of expired) await this.#files.remove(id)
    const swept = {
      expiredFiles: expired.length,
      abandonedUploads: await this.#resumable.sweep(),
      orphanedBlobs: await this.#removeOrphans(),
      leftovers: await this.#blobs.removeLeftovers(async (key) => this.#files.hasBlob(key)),
    }
    if (Object.values(swept).some((count) => count > 0)) this.#log.info(swept, 'swept')
    return swept
  }

  async #removeOrphans(): Promise<number> {
    let removed = 0
    for await (const { key } of this.#blobs.list()) {
      // In this order: an upload that ends between the two questions has its row by the second.
      if (this.#uploads.isInFlight(key) || (await this.#files.hasBlob(key))) continue
      await this.#blobs.delete(key)
      removed += 1
    }
    return removed
  }
}
