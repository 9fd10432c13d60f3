/** How the checks of blob stores fill a blob and read it again. */
import { createHash } from 'node:crypto'
import type { BlobStore, BlobWriter } from '../../../src/storage/index.ts'

/** A key that no blob has. */
export const ABSENT = 'f'.repeat(32)
export const DAMAGED = { code: 'BLOB_DAMAGED' }

export async function fill(writer: BlobWriter, content: Buffer, chunkBytes = 65_536): Promise<void> {
  for (let start = 0; start < content.length; start += chunkBytes) {
    const chunk = Buffer.from(content.subarray(start, start + chunkBytes))
    const isReady = writer.write(chunk)
    // The writer has copied it: what happens to it now must not matter.
    chunk.fill(0)
    if (!isReady) await writer.drained()
  }
}

export async function store(blobs: BlobStore, content: Buffer, chunkBytes?: number) {
  const writer = await blobs.create()
  await fill(writer, content, chunkBytes)
  return await writer.finish()
}

export async function read(blobs: BlobStore, key: string, start: number, end: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  await blobs.copy(key, { start, end }, async (chunk) => {
    chunks.push(Buffer.from(chunk))
  })
  return Buffer.concat(chunks)
}

export async function keys(blobs: BlobStore): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of blobs.list()) found.push(key)
  return found.toSorted()
}

export function hashOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex')
}
