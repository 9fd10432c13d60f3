/** Bytes for tests: deterministic, of any length, never in memory as a whole. */
import { createCipheriv, createHash } from 'node:crypto'
import { Readable } from 'node:stream'

const CHUNK_BYTES = 256 * 1024

/** The same pseudo-random bytes for the same seed, in chunks. */
export function* generate(sizeBytes: number, seed = 'seed'): Generator<Buffer> {
  const key = createHash('sha256').update(seed).digest()
  const cipher = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(CHUNK_BYTES)
  for (let left = sizeBytes; left > 0; left -= CHUNK_BYTES) {
    yield cipher.update(left < CHUNK_BYTES ? zeros.subarray(0, left) : zeros)
  }
}

export function bytes(sizeBytes: number, seed?: string): Buffer<ArrayBuffer> {
  return Buffer.concat([...generate(sizeBytes, seed)])
}

/** A body for `fetch` that is made while it is sent; chunked, because its length is not told. */
export function stream(chunks: Iterable<Buffer> | AsyncIterable<Buffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return Readable.toWeb(Readable.from(chunks, { objectMode: false })) as ReadableStream<Uint8Array<ArrayBuffer>>
}

export async function sha256(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of chunks) hash.update(chunk)
  return hash.digest('hex')
}

export async function sha256Of(content: Uint8Array): Promise<string> {
  return await sha256([content])
}
