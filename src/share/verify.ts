/** Reads every stored byte again and says what is missing, damaged or orphaned. Changes nothing. */
import { createHash } from 'node:crypto'
import { HoldfastError, messageOf } from '../base/index.ts'
import type { BlobStore } from '../storage/index.ts'
import type { FileRow, Files } from './files.ts'

export type Finding =
  | { state: 'ok'; file: FileRow }
  | { state: 'missing' | 'damaged'; file: FileRow; problem: string }
  | { state: 'orphaned'; blobKey: string; sizeBytes: number }

/** Yields one finding a file, then one for each blob that belongs to none. Memory does not grow with their number. */
export async function* verifyFiles(files: Files, blobs: BlobStore): AsyncIterable<Finding> {
  for await (const file of files.all()) {
    const finding = await verifyFile(file, blobs)
    // A server may run meanwhile: what it has just deleted is not a finding.
    if (finding.state === 'ok' || (await files.hasBlob(file.blob_key))) yield finding
  }
  for await (const { key, sizeBytes } of blobs.list()) {
    if (!(await files.hasBlob(key))) yield { state: 'orphaned', blobKey: key, sizeBytes }
  }
}

async function verifyFile(file: FileRow, blobs: BlobStore): Promise<Finding> {
  const stored = await blobs.stat(file.blob_key)
  if (!stored) return { state: 'missing', file, problem: 'its bytes are gone' }
  if (stored.sizeBytes !== file.size_bytes) {
    return { state: 'damaged', file, problem: `it has ${stored.sizeBytes} bytes instead of ${file.size_bytes}` }
  }
  try {
    const hash = createHash('sha256')
    await blobs.copy(file.blob_key, { start: 0, end: file.size_bytes }, async (chunk) => void hash.update(chunk))
    const sha256 = hash.digest('hex')
    if (sha256 === file.sha256) return { state: 'ok', file }
    return { state: 'damaged', file, problem: `its SHA-256 is ${sha256} instead of ${file.sha256}` }
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'BLOB_DAMAGED')
      return { state: 'missing', file, problem: error.message }
    return { state: 'damaged', file, problem: `it cannot be read: ${messageOf(error)}` }
  }
}
