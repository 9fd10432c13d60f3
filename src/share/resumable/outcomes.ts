/** How a resumable upload ends: as a file, or removed. Watchers learn of it here, over all its requests. */
import { HoldfastError, randomId } from '../../base/index.ts'
import type { ResumableWriter } from '../../storage/index.ts'
import type { Files, NewFile } from '../files.ts'
import type { TrackedUpload, UploadTracker } from '../upload-tracker.ts'
import type { OpenWriters } from './open-writers.ts'
import type { ResumableRow, ResumableRows } from './resumable-rows.ts'
import { ShareError } from '../errors.ts'

/** Whoever knows the id of a guest's upload may go on with it: it must not be guessed. */
const ID_LENGTH = 24

export interface OutcomesDependencies {
  rows: ResumableRows
  files: Files
  tracker: UploadTracker
  writers: OpenWriters
}

export function newUploadId(): string {
  return randomId(ID_LENGTH)
}

export class Outcomes {
  readonly #deps: OutcomesDependencies
  /** Of unfinished uploads that this process has seen, by their ids. */
  readonly #tracked = new Map<string, TrackedUpload>()

  constructor(dependencies: OutcomesDependencies) {
    this.#deps = dependencies
  }

  /** What watchers see of an upload. */
  tracked(row: ResumableRow): TrackedUpload {
    const known = this.#tracked.get(row.id)
    if (known) return known
    // Another may have taken the client's id while we were down: watching is worth less than the upload.
    const watchId = this.#deps.tracker.isRunning(row.watch_id) ? newUploadId() : row.watch_id
    const tracked = this.#begin(row, watchId)
    this.#tracked.set(row.id, tracked)
    return tracked
  }

  /**
   * Lets an upload be watched from before it is stored.
   * @throws INVALID_REQUEST, CONFLICT when the id to watch it by is malformed or in use; what `store` throws.
   */
  async begun<T>(upload: Omit<ResumableRow, 'blob_key'>, store: () => Promise<T>): Promise<T> {
    const tracked = this.#begin(upload, upload.watch_id)
    try {
      const stored = await store()
      this.#tracked.set(upload.id, tracked)
      return stored
    } catch (error) {
      const known = error instanceof HoldfastError ? error : null
      const failure = known ?? new ShareError('INTERNAL', 'the upload failed inside the server')
      this.#deps.tracker.end(tracked, { error: failure })
      throw error
    }
  }

  /**
   * Makes the file of an upload whose bytes have all been taken.
   * @throws GUEST_LINK_INACTIVE, after which the upload is gone. After any other failure its blob stays, and who sends
   * the last part again takes it back.
   */
  async complete(row: ResumableRow, writer: ResumableWriter): Promise<ResumableRow> {
    const { rows, files } = this.#deps
    const blob = await writer.finish()
    try {
      const newFile = JSON.parse(row.new_file) as NewFile
      const whole = { ...row, offset_bytes: blob.sizeBytes, length_bytes: blob.sizeBytes }
      const file = await files.record(blob, newFile, async (transaction, id) => rows.complete(transaction, whole, id))
      this.#end(row.id, { fileId: file.id })
      return { ...whole, file_id: file.id }
    } catch (error) {
      const isFinal = error instanceof HoldfastError && error.code === 'GUEST_LINK_INACTIVE'
      if (isFinal) await this.remove(row, error.message)
      throw error
    }
  }

  /** Tells the watchers of a part what it has become part of. */
  joined(part: ResumableRow, fileId: string): void {
    this.#end(part.id, { fileId })
  }

  /** The row first: a crash in between leaves bytes for the sweeper, not an upload without any. */
  async remove(row: ResumableRow, why: string): Promise<void> {
    await this.#deps.rows.remove(row.id)
    // The bytes of a finished upload are a file's, a joined part's are its final upload's.
    if (row.file_id === null && row.final_id === null) await this.#deps.writers.discard(row)
    this.#end(row.id, { error: new ShareError('UPLOAD_INTERRUPTED', why) })
  }

  /**
   * Notes how far an upload has come, and puts its end off. A file's last step is not noted but made: see `complete`.
   */
  async note(row: ResumableRow, offsetBytes: number, expiresAt: number): Promise<ResumableRow> {
    const change = { offset_bytes: offsetBytes, expires_at: expiresAt }
    if (offsetBytes !== row.length_bytes || row.concat === 'partial') await this.#deps.rows.change(row.id, change)
    const tracked = this.#tracked.get(row.id)
    if (tracked) tracked.bytes = Math.max(offsetBytes, tracked.bytes)
    return { ...row, ...change }
  }

  /** Ids of unfinished uploads that this process knows. */
  running(): string[] {
    return [...this.#tracked.keys()]
  }

  /** Forgets an upload whose row went with its guest link: its watchers and its writer. */
  async abandon(id: string): Promise<void> {
    await this.#deps.writers.abandon(id)
    this.#end(id, { error: new ShareError('UPLOAD_INTERRUPTED', 'the guest link of the upload was removed') })
  }

  #begin(upload: Omit<ResumableRow, 'blob_key'>, watchId: string): TrackedUpload {
    const tracked = this.#deps.tracker.begin(watchId, upload.length_bytes, upload.offset_bytes)
    tracked.isWaiting = true
    return tracked
  }

  #end(id: string, outcome: Parameters<UploadTracker['end']>[1]): void {
    const tracked = this.#tracked.get(id)
    this.#tracked.delete(id)
    if (tracked) this.#deps.tracker.end(tracked, outcome)
  }
}
