/** Copies the bytes of finished partial uploads, one behind the other, into the writer of their final upload. */
import { HoldfastError } from '../../base/index.ts'
import type { BlobStore, ResumableWriter } from '../../storage/index.ts'
import { invalid } from '../fields.ts'
import type { OpenWriters } from './open-writers.ts'
import type { ResumableRow } from './resumable-rows.ts'

/** A final upload may be made of so many parts. */
const MAX_PARTS = 1000

/** @throws INVALID_REQUEST unless there are some, and each once. */
export function requirePartIds(ids: readonly string[]): void {
  if (ids.length === 0) throw invalid('Upload-Concat', 'it names no partial upload')
  if (ids.length > MAX_PARTS)
    throw invalid('Upload-Concat', `it names ${ids.length} uploads, at most ${MAX_PARTS} are allowed`)
  if (new Set(ids).size < ids.length) throw invalid('Upload-Concat', 'it names an upload twice')
}

/** @throws INVALID_REQUEST unless the upload is partial and all of its bytes are there. */
export function requireFinishedPart(row: ResumableRow): void {
  if (row.concat !== 'partial') throw invalid('Upload-Concat', `the upload ${row.id} is not partial`)
  if (row.length_bytes === row.offset_bytes) return
  const stands = `it stands at byte ${row.offset_bytes} of ${row.length_bytes ?? 'an unknown length'}`
  throw invalid('Upload-Concat', `the partial upload ${row.id} is not finished: ${stands}`)
}

/** @throws BLOB_DAMAGED when a part has lost its bytes; why `writer` failed. */
export async function joinParts(
  parts: readonly ResumableRow[],
  writer: ResumableWriter,
  { blobs, writers }: { blobs: BlobStore; writers: OpenWriters },
): Promise<void> {
  for (const part of parts) {
    await makeReadable(part, { blobs, writers })
    await blobs.copy(part.blob_key, { start: 0, end: part.offset_bytes }, async (chunk) => {
      if (!writer.write(chunk)) await writer.drained()
    })
  }
  if (writer.failed.aborted) throw writer.failed.reason
}

/** Only a finished blob can be read. One of an earlier, failed attempt is finished already. */
async function makeReadable(
  part: ResumableRow,
  { blobs, writers }: { blobs: BlobStore; writers: OpenWriters },
): Promise<void> {
  if (part.offset_bytes === 0 || (await blobs.stat(part.blob_key))) return
  const writer = await writers.take(part)
  if (writer?.sizeBytes !== part.offset_bytes) {
    await writer?.leave()
    throw new HoldfastError('BLOB_DAMAGED', `the bytes of the partial upload ${part.id} are missing on the server`)
  }
  await writer.finish()
}
