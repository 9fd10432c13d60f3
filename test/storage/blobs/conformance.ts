/**
 * What every driver of the blob store must do. Gets two handles to one store, as two processes would have; throws at
 * the first broken promise.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { BlobStore, BlobWriter } from '../../../src/storage/index.ts'
import { bytes } from '../../support/bytes.ts'

export interface StorePair {
  one: BlobStore
  other: BlobStore
}

type Check = (stores: StorePair) => Promise<void>

const ABSENT = 'f'.repeat(32)

async function fill(writer: BlobWriter, content: Buffer, chunkBytes = 65_536): Promise<void> {
  for (let start = 0; start < content.length; start += chunkBytes) {
    const chunk = Buffer.from(content.subarray(start, start + chunkBytes))
    const isReady = writer.write(chunk)
    // The writer has copied it: what happens to it now must not matter.
    chunk.fill(0)
    if (!isReady) await writer.drained()
  }
}

async function store(blobs: BlobStore, content: Buffer, chunkBytes?: number) {
  const writer = await blobs.create()
  await fill(writer, content, chunkBytes)
  return await writer.finish()
}

async function read(blobs: BlobStore, key: string, start: number, end: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  await blobs.copy(key, { start, end }, async (chunk) => {
    chunks.push(Buffer.from(chunk))
  })
  return Buffer.concat(chunks)
}

async function keys(blobs: BlobStore): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of blobs.list()) found.push(key)
  return found.toSorted()
}

const hashOf = (content: Buffer) => createHash('sha256').update(content).digest('hex')
const damaged = { code: 'BLOB_DAMAGED' }

const newKeyOfNobody = '0'.repeat(32)

export const BLOB_STORE_CHECKS: Record<string, Check> = {
  'gives back what it was given, to both handles, with its size and hash': async ({ one, other }) => {
    for (const [size, chunkBytes] of [
      [1, 1],
      [5000, 7],
      [65_536, 65_536],
      [262_144, 65_536],
      [262_145, 4096],
      [3_000_001, 100_003],
    ] as const) {
      const content = bytes(size, `${size}`)
      const blob = await store(one, content, chunkBytes)
      assert.deepEqual([blob.sizeBytes, blob.sha256], [size, hashOf(content)])
      for (const handle of [one, other]) {
        assert.ok((await read(handle, blob.key, 0, size)).equals(content), `${size} bytes`)
        assert.deepEqual(await handle.stat(blob.key), { key: blob.key, sizeBytes: size })
      }
    }
  },

  'copies any part': async ({ one }) => {
    const content = bytes(700_000)
    const { key } = await store(one, content)
    for (const [start, end] of [
      [0, 1],
      [699_999, 700_000],
      [262_143, 262_145],
      [1, 600_000],
      [5, 5],
      [0, 0],
    ] as const) {
      assert.ok((await read(one, key, start, end)).equals(content.subarray(start, end)), `${start}-${end}`)
    }
  },

  'copies in order and one chunk at a time': async ({ one }) => {
    const content = bytes(2_000_000)
    const { key } = await store(one, content)
    const hash = createHash('sha256')
    let running = 0
    await one.copy(key, { start: 0, end: content.length }, async (chunk) => {
      assert.equal(++running, 1)
      await new Promise((resolve) => setTimeout(resolve, 2))
      // Looked at late: its memory is the sink's until the sink resolves.
      hash.update(chunk)
      running -= 1
    })
    assert.equal(hash.digest('hex'), hashOf(content))
  },

  'stops a copy with the error of its sink': async ({ one }) => {
    const { key } = await store(one, bytes(2_000_000))
    let calls = 0
    const copying = one.copy(key, { start: 0, end: 2_000_000 }, async () => {
      calls += 1
      throw new Error('the client went away')
    })
    await assert.rejects(copying, /the client went away/)
    assert.ok(calls <= 2)
  },

  'says that a blob is missing or too short': async ({ one, other }) => {
    await assert.rejects(read(one, ABSENT, 0, 1), damaged)
    const { key } = await store(one, bytes(1000))
    await assert.rejects(read(other, key, 0, 1001), damaged)
    await assert.rejects(read(other, key, 2000, 2001), damaged)
    assert.equal(await one.stat(ABSENT), null)
  },

  'shows a blob only when it is finished': async ({ one, other }) => {
    const content = bytes(400_000)
    const writer = await one.create()
    await fill(writer, content)
    for (const handle of [one, other]) {
      assert.equal(await handle.stat(writer.key), null)
      assert.ok(!(await keys(handle)).includes(writer.key))
    }
    assert.equal(writer.sizeBytes, content.length)
    const blob = await writer.finish()
    assert.equal(blob.key, writer.key)
    for (const handle of [one, other]) assert.ok((await keys(handle)).includes(blob.key))
  },

  'leaves nothing of a blob that is given up': async ({ one, other }) => {
    const before = await keys(other)
    for (const size of [0, 1, 1_000_000]) {
      const writer = await one.create()
      await fill(writer, bytes(size))
      await writer.abort()
      await writer.abort()
      assert.equal(await other.stat(writer.key), null)
    }
    assert.deepEqual(await keys(other), before)
    assert.equal(await one.removeLeftovers(async () => false), 0)
  },

  'keeps a finished blob when its writer is given up afterwards': async ({ one }) => {
    const writer = await one.create()
    writer.write(bytes(10))
    const { key } = await writer.finish()
    await writer.abort()
    assert.deepEqual(await one.stat(key), { key, sizeBytes: 10 })
  },

  'deletes for both handles, also twice, and lets a running copy finish': async ({ one, other }) => {
    const content = bytes(3_000_000)
    const { key } = await store(one, content)
    const chunks: Buffer[] = []
    await one.copy(key, { start: 0, end: content.length }, async (chunk) => {
      if (chunks.length === 0) await other.delete(key)
      chunks.push(Buffer.from(chunk))
    })
    assert.ok(Buffer.concat(chunks).equals(content))
    assert.equal(await one.stat(key), null)
    await one.delete(key)
    await one.delete(ABSENT)
    assert.ok(!(await keys(other)).includes(key))
  },

  'keeps many writers apart that work at the same time': async ({ one }) => {
    const contents = Array.from({ length: 60 }, (_, index) => bytes(50_000 + index * 20_011, `${index}`))
    const blobs = await Promise.all(contents.map((content, index) => store(one, content, 30_011 + index)))
    assert.equal(new Set(blobs.map(({ key }) => key)).size, contents.length)
    for (const [index, content] of contents.entries()) assert.equal(blobs[index]?.sha256, hashOf(content))
  },

  'goes on when writers are given up while others wait': async ({ one }) => {
    // Enough at once that all memory for bytes on their way is lent.
    const contents = Array.from({ length: 40 }, (_, index) => bytes(1_500_000, `${index}`))
    const outcomes = await Promise.all(
      contents.map(async (content, index) => {
        const writer = await one.create()
        for (let start = 0; start < content.length; start += 65_536) {
          let isReady = true
          // As a parser hands out a chunk: in many pieces, all of which have to be taken.
          for (let at = start; at < Math.min(start + 65_536, content.length); at += 1000) {
            isReady = writer.write(content.subarray(at, Math.min(at + 1000, start + 65_536)))
          }
          if (index % 2 && start > 600_000) return await writer.abort()
          if (!isReady) await writer.drained()
        }
        const blob = await writer.finish()
        return assert.equal(blob.sha256, hashOf(content))
      }),
    )
    assert.equal(outcomes.length, 40)
  },

  'does not sweep what is being written or has just been': async ({ one }) => {
    const over = new AbortController()
    let swept = 0
    const sweep = async () => {
      while (!over.signal.aborted) swept += await one.removeLeftovers(async () => false)
    }
    const write = async () => {
      try {
        for (let round = 0; round < 30; round++) {
          const blobs = await Promise.all(Array.from({ length: 10 }, (_, index) => store(one, bytes(100 + index))))
          for (const { key } of blobs) assert.ok(await one.stat(key))
        }
      } finally {
        over.abort()
      }
    }
    await Promise.all([sweep(), write()])
    assert.equal(swept, 0)
  },

  'resumes a blob that was left, in another process too': async ({ one, other }) => {
    const content = bytes(3_000_001)
    const writer = await one.createResumable()
    await fill(writer, content.subarray(0, 1_200_000))
    assert.equal(await writer.flush(), 1_200_000)
    await fill(writer, content.subarray(1_200_000, 1_300_000))
    assert.equal(await writer.flush(), 1_300_000)
    await writer.leave()
    await writer.leave()
    assert.equal(await one.removeLeftovers(async (key) => key === writer.key), 0)
    for (const [handle, start, end] of [
      [other, 1_300_000, 1_300_000],
      // What lies behind the place is cut off.
      [one, 1_250_000, 2_000_000],
      [other, 0, 400_000],
      [one, 400_000, 3_000_001],
    ] as const) {
      const next = await handle.resume(writer.key, start)
      assert.equal(next?.key, writer.key)
      assert.equal(next.sizeBytes, start)
      await fill(next, content.subarray(start, end))
      assert.equal(await next.flush(), end)
      assert.equal(await handle.stat(writer.key), null)
      if (end < content.length) await next.leave()
      else assert.equal((await next.finish()).sha256, hashOf(content))
    }
    assert.ok((await read(other, writer.key, 0, content.length)).equals(content))
  },

  'has what was flushed, however the writer ended': async ({ one, other }) => {
    const content = bytes(1_000_000)
    const writer = await one.createResumable()
    await fill(writer, content)
    const flushed = writer.flush()
    assert.equal(await flushed, content.length)
    await one.close()
    const next = await other.resume(writer.key, content.length)
    assert.equal(next?.sizeBytes, content.length)
    assert.equal((await next.finish()).sha256, hashOf(content))
  },

  'says so when there are fewer bytes than it should go on behind, or none': async ({ one, other }) => {
    const writer = await one.createResumable()
    await fill(writer, bytes(1000))
    await writer.flush()
    await writer.leave()
    const next = await other.resume(writer.key, 5000)
    assert.equal(next?.sizeBytes, 1000)
    await next.abort()
    assert.equal(await one.resume(writer.key, 0), null)
    assert.equal(await one.resume(ABSENT, 0), null)
  },

  'takes a finished blob back, and deletes a blob that was put aside': async ({ one, other }) => {
    const content = bytes(500_000)
    const writer = await one.createResumable()
    await fill(writer, content)
    await writer.finish()
    await writer.leave()
    const next = await other.resume(writer.key, 300_000)
    assert.equal(next?.sizeBytes, 300_000)
    assert.equal(await one.stat(writer.key), null)
    await next.leave()
    await one.delete(writer.key)
    assert.equal(await other.resume(writer.key, 300_000), null)
    assert.equal(await one.removeLeftovers(async () => false), 0)
  },

  'keeps what is in quarantine out of sight until it is released or deleted': async ({ one, other }) => {
    const made: string[] = []
    for (let count = 0; count < 2; count++) {
      const writer = await one.create()
      await fill(writer, bytes(1000))
      made.push((await writer.finish()).key)
    }
    const [first = '', second = ''] = made
    for (const key of [...made, newKeyOfNobody]) await one.quarantine(key)
    const held = await Array.fromAsync(other.quarantined())
    assert.deepEqual(held.map(({ key }) => key).toSorted(), made.toSorted())
    assert.ok(held.every(({ sizeBytes }) => sizeBytes === 1000))
    assert.deepEqual(await Array.fromAsync(other.list()), [])
    assert.equal(await other.stat(first), null)
    assert.equal(await one.removeLeftovers(async () => false), 0)
    await other.release(first)
    await other.release(newKeyOfNobody)
    await other.delete(second)
    assert.deepEqual(await one.stat(first), { key: first, sizeBytes: 1000 })
    assert.deepEqual(await Array.fromAsync(one.quarantined()), [])
  },

  'ends what waits for a flush when the writer is given up': async ({ one }) => {
    for (const end of ['leave', 'abort'] as const) {
      const writer = await one.createResumable()
      for (let round = 0; round < 40; round++) writer.write(bytes(65_536))
      const flushed = writer.flush()
      await Promise.all([writer[end](), flushed.catch(() => {})])
      await assert.rejects(writer.flush(), { code: 'UPLOAD_INTERRUPTED' })
      await one.delete(writer.key)
    }
  },

  'copies what an unfinished blob holds, as far as it is asked to': async ({ one, other }) => {
    const content = bytes(700_000, 'unfinished')
    const writer = await one.createResumable()
    await fill(writer, content)
    await writer.flush()
    await writer.leave()
    for (const size of [0, 1, 262_145, content.length]) {
      const chunks: Buffer[] = []
      await other.copyUnfinished(writer.key, size, async (chunk) => void chunks.push(Buffer.from(chunk)))
      assert.ok(Buffer.concat(chunks).equals(content.subarray(0, size)))
    }
    await assert.rejects(
      other.copyUnfinished(writer.key, content.length + 1, async () => {}),
      damaged,
    )
    await assert.rejects(
      other.copyUnfinished(ABSENT, 1, async () => {}),
      damaged,
    )
    await one.delete(writer.key)
  },

  'knows how much space there is': async ({ one }) => {
    const space = await one.space()
    if (space) assert.ok(space.freeBytes > 0 && space.freeBytes <= space.totalBytes)
  },

  'fails writers that run when it is closed, and closes twice': async ({ one, other }) => {
    const writer = await one.create()
    writer.write(bytes(1000))
    await one.close()
    await assert.rejects(writer.finish())
    assert.ok(writer.failed.aborted)
    await one.close()
    assert.equal(await other.stat(writer.key), null)
    await other.close()
  },
}
