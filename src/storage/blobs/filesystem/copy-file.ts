/** Copies bytes of a blob's file to a sink; two buffers, whatever the size. */
import { open } from 'node:fs/promises'
import { HoldfastError, systemErrorCode } from '../../../base/index.ts'
import type { ByteRange, ChunkSink } from '../blob-store.ts'
import { StorageError } from '../../errors.ts'

/** Bytes of each buffer: the disk fills one while the sink takes the other. */
const BUFFER_BYTES = 256 * 1024

/** As `BlobStore.copy`. */
export async function copyFile(
  { key, path }: { key: string; path: string },
  { start, end }: ByteRange,
  sink: ChunkSink,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted()
  const file = await openBlob(key, path)
  const size = Math.min(BUFFER_BYTES, end - start)
  const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)] as const
  let sending = Promise.resolve()
  try {
    for (let position = start, turn = 0; position < end; turn ^= 1) {
      const buffer = turn === 0 ? buffers[0] : buffers[1]
      const { bytesRead } = await file.read(buffer, 0, Math.min(size, end - position), position)
      if (bytesRead === 0) throw damaged(key, `it ends at byte ${position}, expected ${end}`)
      await sending
      signal?.throwIfAborted()
      sending = sink(buffer.subarray(0, bytesRead))
      // Awaited in the next turn; until then a rejection must not count as unhandled.
      sending.catch(() => {})
      position += bytesRead
    }
    await sending
  } finally {
    await file.close()
  }
  // The buffers are not referred to any more: free them now rather than when the collector gets to it.
  for (const buffer of buffers) buffer.buffer.transfer(0)
}

async function openBlob(key: string, path: string) {
  try {
    return await open(path)
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') throw damaged(key, 'it is missing')
    throw error
  }
}

function damaged(key: string, what: string): HoldfastError {
  return new StorageError('BLOB_DAMAGED', `the stored file ${key} is damaged: ${what}`, {
    hint: "Run 'holdfast verify' to find all damaged files.",
  })
}
