/**
 * Final uploads: files made of partial ones. The bytes of the second part and all behind it are copied to the end of
 * the first, part by part, and each is removed as soon as its copy is durable and noted; so a file needs no more room
 * than its largest part besides itself. Until the file is there its parts remember whose they are, and whoever asks for
 * the same file again goes on with it, after a crash too.
 */
import { type Clock } from '../../base/index.ts'
import type { BlobStore, ResumableBlobs, ResumableWriter } from '../../storage/index.ts'
import { invalid } from '../fields.ts'
import type { FreeSpace } from '../free-space.ts'
import { tooLarge } from '../uploads.ts'
import type { OpenWriters } from './open-writers.ts'
import type { Outcomes } from './outcomes.ts'
import { isWhole, noSuchUpload, type ResumableRow, type ResumableRows } from './resumable-rows.ts'
import type { Turns } from './turns.ts'
import { ShareError } from '../errors.ts'

export interface ConcatenationDependencies {
  rows: ResumableRows
  blobs: BlobStore
  resumable: ResumableBlobs
  freeSpace: FreeSpace
  writers: OpenWriters
  outcomes: Outcomes
  turns: Turns
  clock: Clock
  lifetimeMs: number
}

export class Concatenation {
  readonly #deps: ConcatenationDependencies
  /** The running ones, by the ids of the final uploads: a client that lost its connection asks again meanwhile. */
  readonly #running = new Map<string, Promise<ResumableRow>>()

  constructor(dependencies: ConcatenationDependencies) {
    this.#deps = dependencies
  }

  /** @see ResumableUploads.concatenate */
  async concatenate(ids: readonly string[], upload: Omit<ResumableRow, 'blob_key'>): Promise<ResumableRow> {
    const concat = `final;${ids.join(' ')}`
    const parts = await this.#parts(ids, upload.guest_link_id)
    const final = (await this.#begun(parts, concat)) ?? (await this.#begin(parts, { ...upload, concat }))
    if (final.file_id !== null) return final
    const running = this.#running.get(final.id)
    if (running) return await running
    const join = this.#join(final, parts).finally(() => this.#running.delete(final.id))
    this.#running.set(final.id, join)
    return await join
  }

  async #parts(ids: readonly string[], guestLinkId: string | null): Promise<ResumableRow[]> {
    const parts: ResumableRow[] = []
    for (const id of ids) {
      const part = await this.#deps.rows.find(id)
      if (part?.guest_link_id !== guestLinkId) throw noSuchUpload(id)
      if (part.concat !== 'partial') throw invalid('Upload-Concat', `the upload ${id} is not a partial upload`)
      if (!isWhole(part)) {
        const stand = `it has ${part.offset_bytes} of ${part.length_bytes ?? 'yet unknown'} bytes`
        throw new ShareError('CONFLICT', `the partial upload ${id} is not whole: ${stand}`, { retryable: true })
      }
      parts.push(part)
    }
    return parts
  }

  /** The final upload of the same parts, if there is one. @throws CONFLICT when a part belongs to another. */
  async #begun(parts: readonly ResumableRow[], concat: string): Promise<ResumableRow | null> {
    const used = parts.find(({ final_id }) => final_id !== null)
    if (!used || used.final_id === null) return null
    const final = await this.#deps.rows.find(used.final_id)
    if (final?.concat === concat) return final
    throw new ShareError('CONFLICT', `the partial upload ${used.id} is part of another file`)
  }

  async #begin(parts: readonly ResumableRow[], upload: Omit<ResumableRow, 'blob_key'>): Promise<ResumableRow> {
    const { rows, outcomes, turns } = this.#deps
    const [first] = parts
    if (!first) throw invalid('Upload-Concat', 'it names no partial upload')
    const lengthBytes = parts.reduce((sum, part) => sum + part.offset_bytes, 0)
    if (upload.max_bytes !== null && lengthBytes > upload.max_bytes) throw tooLarge(upload.max_bytes)
    const final = { ...upload, length_bytes: lengthBytes, offset_bytes: first.offset_bytes, blob_key: first.blob_key }
    using held = new DisposableStack()
    for (const { id } of parts) held.use(await turns.take(id, null))
    const ids = parts.map(({ id }) => id)
    await outcomes.begun(final, async () => rows.addFinal(final, ids))
    return final
  }

  async #join(final: ResumableRow, parts: readonly ResumableRow[]): Promise<ResumableRow> {
    const { rows, blobs, resumable, writers, outcomes, turns, freeSpace } = this.#deps
    using held = new DisposableStack()
    held.use(await turns.take(final.id, null))
    const left = parts.filter((part) => part.blob_key !== final.blob_key)
    held.use(await freeSpace.reserve(Math.max(0, ...left.map((part) => part.offset_bytes))))
    const tracked = outcomes.tracked(final)
    const writer = await this.#open(final, parts)
    try {
      tracked.isWaiting = false
      for (const part of left) {
        await writers.close(part.id)
        await resumable.copy(part.blob_key, part.offset_bytes, async (chunk) => {
          tracked.add(chunk.length)
          if (!writer.write(chunk)) await writer.drained()
        })
        // The last is noted with the file, so that the offset never says that all is done when there is no file.
        if (part === left.at(-1)) break
        await rows.noteJoined(part, { ...final, expires_at: this.#expiry() }, await writer.flush())
        await blobs.delete(part.blob_key)
      }
      const whole = await outcomes.complete({ ...final, expires_at: this.#expiry() }, writer)
      for (const part of parts) outcomes.joined(part, whole.file_id ?? '')
      const last = left.at(-1)
      if (last) await blobs.delete(last.blob_key)
      return whole
    } finally {
      tracked.isWaiting = true
      await writer.leave()
    }
  }

  /** The writer of the first part, with what has been joined to it. @throws BLOB_DAMAGED when bytes are gone. */
  async #open(final: ResumableRow, parts: readonly ResumableRow[]): Promise<ResumableWriter> {
    const { writers } = this.#deps
    const [first] = parts
    const writer = await writers.take(first?.offset_bytes === final.offset_bytes ? first : final)
    if (writer?.sizeBytes === final.offset_bytes) return writer
    await writer?.leave()
    throw new ShareError('BLOB_DAMAGED', `bytes of the partial upload ${first?.id} are gone`)
  }

  #expiry(): number {
    return this.#deps.clock.now() + this.#deps.lifetimeMs
  }
}
