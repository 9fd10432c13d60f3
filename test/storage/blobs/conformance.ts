/**
 * What every driver of the blob store must do. Gets two handles to one store, as two processes would have; throws at
 * the first broken promise.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { BlobStore } from '../../../src/storage/index.ts'
import { bytes } from '../../support/bytes.ts'
import { ABSENT, DAMAGED, fill, hashOf, keys, read, store } from './fill-and-read.ts'

export interface StorePair {
  one: BlobStore
  other: BlobStore
}

export type Check = (stores: StorePair) => Promise<void>

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

  'stops a copy when its signal says so': async ({ one }) => {
    const { key } = await store(one, bytes(2_000_000))
    const over = new AbortController()
    let copied = 0
    const range = { start: 0, end: 2_000_000 }
    const sink = async (chunk: Uint8Array) => {
      copied += chunk.length
      over.abort(new Error('the reader has left'))
    }
    await assert.rejects(one.copy(key, range, sink, over.signal), /the reader has left/)
    assert.ok(copied < 2_000_000)
    await assert.rejects(one.copy(key, range, sink, over.signal), /the reader has left/)
  },

  'says that a blob is missing or too short': async ({ one, other }) => {
    await assert.rejects(read(one, ABSENT, 0, 1), DAMAGED)
    const { key } = await store(one, bytes(1000))
    await assert.rejects(read(other, key, 0, 1001), DAMAGED)
    await assert.rejects(read(other, key, 2000, 2001), DAMAGED)
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
