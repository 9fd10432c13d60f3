/** Keeps uploads from filling the disk: what cannot fit is refused before a byte of it is read. */
import { formatBytes, HoldfastError } from '../base/index.ts'
import type { BlobStore } from '../storage/index.ts'

/** Space promised to an upload; give it back when the upload is over. */
export interface Reservation extends Disposable {
  /** Tells how much of the promise is on the disk by now and no longer counts twice. */
  used(bytes: number): void
}

export class FreeSpace {
  readonly #blobs: BlobStore
  readonly #minFreeBytes: number
  /** Bytes still to come, by upload. */
  readonly #promised = new Map<object, number>()

  /** @param minFreeBytes what stays free whatever is uploaded. */
  constructor(blobs: BlobStore, minFreeBytes: number) {
    this.#blobs = blobs
    this.#minFreeBytes = minFreeBytes
  }

  /** Bytes that a new upload may have, or null when the store knows no limit. */
  async available(): Promise<number | null> {
    const space = await this.#blobs.space()
    if (space === null) return null
    const promised = this.#promised.values().reduce((sum, bytes) => sum + bytes, 0)
    return Math.max(0, space.freeBytes - this.#minFreeBytes - promised)
  }

  /**
   * Promises space to an upload. One of unknown length (null) is let in while there is any at all.
   * @throws NO_SPACE with what is needed and what there is.
   */
  async reserve(bytes: number | null): Promise<Reservation> {
    const available = await this.available()
    if (available !== null && (bytes ?? 1) > available) {
      const needed = bytes === null ? 'the upload' : `the upload of ${formatBytes(bytes)}`
      throw new HoldfastError('NO_SPACE', `${needed} does not fit: ${formatBytes(available)} is available`, {
        hint: 'Delete files that are no longer needed, or give the server more disk.',
        details: { neededBytes: bytes, availableBytes: available },
      })
    }
    const upload = {}
    const total = bytes ?? 0
    this.#promised.set(upload, total)
    return {
      used: (soFar) => {
        // Bytes that arrive after the upload was given up must not bring the promise back.
        if (this.#promised.has(upload)) this.#promised.set(upload, Math.max(0, total - soFar))
      },
      [Symbol.dispose]: () => void this.#promised.delete(upload),
    }
  }
}
