/** Keeps uploads from filling the disk: what cannot fit is refused before a byte of it is read. */
import { formatBytes } from '../base/index.ts'
import type { BlobStore, Database } from '../storage/index.ts'
import type { Trash } from './trash.ts'
import { ShareError } from './errors.ts'

/** An upload of unknown length looks for room in the trash each time that it has grown by so much. */
const LOOK_EVERY_BYTES = 16_000_000

/** Space promised to an upload; give it back when the upload is over. */
export interface Reservation extends Disposable {
  /** Tells how much of the promise is on the disk by now and no longer counts twice. */
  used(bytes: number): void
}

export class FreeSpace {
  readonly #blobs: BlobStore
  readonly #database: Pick<Database, 'missingBytes'>
  readonly #trash: Pick<Trash, 'removableBytes' | 'removeOldest'>
  readonly #minFreeBytes: number
  /** Bytes still to come, by upload. */
  readonly #promised = new Map<object, number>()

  /** @param minFreeBytes what stays free whatever is uploaded. */
  constructor(
    blobs: BlobStore,
    database: Pick<Database, 'missingBytes'>,
    trash: Pick<Trash, 'removableBytes' | 'removeOldest'>,
    minFreeBytes: number,
  ) {
    this.#blobs = blobs
    this.#database = database
    this.#trash = trash
    this.#minFreeBytes = minFreeBytes
  }

  /** Bytes that a new upload may have, the trash's included, or null when the store knows no limit. */
  async available(): Promise<number | null> {
    const unused = await this.#unused()
    return unused === null ? null : Math.max(0, unused + (await this.#trash.removableBytes()))
  }

  /** Lets the trash make room where less is free than is to stay free: others need the disk too. */
  async relieve(): Promise<void> {
    let unused = await this.#unused()
    while (unused !== null && unused < 0 && (await this.#trash.removeOldest())) unused = await this.#unused()
  }

  /** Empties the trash, the oldest first, until so many bytes are unused; leaves it alone when that cannot be. */
  async #makeRoom(bytes: number): Promise<void> {
    let unused = await this.#unused()
    if (unused === null || unused >= bytes || unused + (await this.#trash.removableBytes()) < bytes) return
    while (unused !== null && unused < bytes && (await this.#trash.removeOldest())) unused = await this.#unused()
  }

  /** Negative when less is free than is to stay free. */
  async #unused(): Promise<number | null> {
    const space = await this.#blobs.space()
    if (space === null) return null
    const promised = this.#promised.values().reduce((sum, bytes) => sum + bytes, 0)
    return space.freeBytes - this.#minFreeBytes - this.#database.missingBytes() - promised
  }

  /**
   * Promises space to an upload. An upload of unknown length (null) is let in while there is any at all.
   * @throws NO_SPACE with what is needed and what there is.
   */
  async reserve(bytes: number | null): Promise<Reservation> {
    await this.#makeRoom(bytes ?? LOOK_EVERY_BYTES)
    const unused = await this.#unused()
    const available = unused === null ? null : Math.max(0, unused)
    if (available !== null && (bytes ?? 1) > available) {
      const needed = bytes === null ? 'the upload' : `the upload of ${formatBytes(bytes)}`
      throw new ShareError('NO_SPACE', `${needed} does not fit: ${formatBytes(available)} is available`, {
        hint: 'Delete files that are no longer needed, or give the server more disk.',
        details: { neededBytes: bytes, availableBytes: available },
      })
    }
    const upload = {}
    const total = bytes ?? 0
    let lookAt = LOOK_EVERY_BYTES
    this.#promised.set(upload, total)
    return {
      used: (soFar) => {
        if (bytes === null && soFar >= lookAt) {
          lookAt = soFar + LOOK_EVERY_BYTES
          // Without room the write itself fails, with a better reason.
          this.#makeRoom(2 * LOOK_EVERY_BYTES).catch(() => {})
        }
        // Bytes that arrive after the upload was given up must not bring the promise back.
        if (this.#promised.has(upload)) this.#promised.set(upload, Math.max(0, total - soFar))
      },
      [Symbol.dispose]: () => void this.#promised.delete(upload),
    }
  }
}
