/**
 * The writers of resumable uploads between their requests. A writer that stays open goes on with its hash; a writer
 * that was closed, by a restart or to make room, has to read the file again first.
 */
import type { BlobStore, ResumableBlobs, ResumableWriter } from '../../storage/index.ts'
import type { ResumableRow } from './resumable-rows.ts'

/** Each costs a file descriptor and the state of a hash. */
const MAX_IDLE = 64

export class OpenWriters {
  readonly #blobs: BlobStore
  readonly #resumable: ResumableBlobs
  /** The writers that no request uses, the least recently used first. */
  readonly #idle = new Map<string, ResumableWriter>()

  constructor(blobs: BlobStore, resumable: ResumableBlobs) {
    this.#blobs = blobs
    this.#resumable = resumable
  }

  /** The writer of an upload, at its offset; behind it where bytes were lost. Null when nothing is there any more. */
  async take(row: ResumableRow): Promise<ResumableWriter | null> {
    const writer = this.#idle.get(row.id)
    this.#idle.delete(row.id)
    if (writer && !writer.failed.aborted && writer.sizeBytes === row.offset_bytes) return writer
    await writer?.leave()
    return await this.#resumable.resume(row.blob_key, row.offset_bytes)
  }

  /** Keeps a flushed writer for the next request. */
  async giveBack(id: string, writer: ResumableWriter): Promise<void> {
    this.#idle.set(id, writer)
    if (this.#idle.size <= MAX_IDLE) return
    const [oldest] = this.#idle
    if (!oldest) return
    this.#idle.delete(oldest[0])
    await oldest[1].leave()
  }

  /** Ends the writer of an upload that no request uses, if it has one: others may read its bytes now. */
  async close(id: string): Promise<void> {
    const writer = this.#idle.get(id)
    this.#idle.delete(id)
    await writer?.leave()
  }

  /** Ends the writer of an upload that no request uses, if it has one, and removes what that holds. */
  async abandon(id: string): Promise<void> {
    const writer = this.#idle.get(id)
    this.#idle.delete(id)
    await writer?.abort()
  }

  /** Removes the bytes of an upload that no request uses. */
  async discard(row: ResumableRow): Promise<void> {
    await this.abandon(row.id)
    await this.#blobs.delete(row.blob_key)
  }
}
