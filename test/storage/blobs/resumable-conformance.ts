/** What a driver must do whose blobs outlive their writer; beside the checks of every blob store. */
import assert from 'node:assert/strict'
import type { BlobStore, ResumableBlobs } from '../../../src/storage/index.ts'
import { bytes } from '../../support/bytes.ts'
import type { Check } from './conformance.ts'
import { ABSENT, DAMAGED, fill, hashOf, read } from './fill-and-read.ts'

function resumableOf({ resumable }: BlobStore): ResumableBlobs {
  assert.ok(resumable)
  return resumable
}

export const RESUMABLE_CHECKS: Record<string, Check> = {
  'resumes a blob that was left, in another process too': async ({ one, other }) => {
    const content = bytes(30_000_001)
    const writer = await resumableOf(one).create()
    await fill(writer, content.subarray(0, 12_000_000))
    const first = await writer.flush()
    assert.equal(writer.flushedBytes, first)
    await fill(writer, content.subarray(12_000_000, 13_000_000))
    const second = await writer.flush()
    assert.ok(first > 0 && first <= second && second <= 13_000_000)
    await writer.leave()
    await writer.leave()
    assert.equal(await one.removeLeftovers(async (key) => key === writer.key), 0)
    let last = second
    for (const [handle, start, end] of [
      [other, second, second],
      // What lies behind the place is dropped.
      [one, first, 20_000_000],
      [other, 0, 14_000_000],
      [one, null, content.length],
    ] as const) {
      const next = await resumableOf(handle).resume(writer.key, start ?? last)
      assert.equal(next?.key, writer.key)
      assert.equal(next.sizeBytes, start ?? last)
      await fill(next, content.subarray(start ?? last, end))
      if (end === content.length) assert.equal((await next.finish()).sha256, hashOf(content))
      else {
        last = await next.flush()
        assert.equal(await handle.stat(writer.key), null)
        await next.leave()
      }
    }
    assert.ok((await read(other, writer.key, 0, content.length)).equals(content))
  },

  'has what was flushed, however the writer ended': async ({ one, other }) => {
    const content = bytes(10_000_000)
    const writer = await resumableOf(one).create()
    await fill(writer, content)
    const flushed = await writer.flush()
    await one.close()
    const next = await resumableOf(other).resume(writer.key, flushed)
    assert.equal(next?.sizeBytes, flushed)
    await fill(next, content.subarray(flushed))
    assert.equal((await next.finish()).sha256, hashOf(content))
  },

  'says so when there is nothing to resume': async ({ one }) => {
    const writer = await resumableOf(one).create()
    await writer.abort()
    assert.equal(await resumableOf(one).resume(writer.key, 0), null)
    assert.equal(await resumableOf(one).resume(ABSENT, 0), null)
  },

  'makes a finished blob unfinished again, and deletes unfinished blobs': async ({ one, other }) => {
    const content = bytes(15_000_000)
    const writer = await resumableOf(one).create()
    await fill(writer, content.subarray(0, 10_000_000))
    const flushed = await writer.flush()
    await fill(writer, content.subarray(10_000_000))
    await writer.finish()
    await writer.leave()
    const next = await resumableOf(other).resume(writer.key, flushed)
    assert.equal(next?.sizeBytes, flushed)
    assert.equal(await one.stat(writer.key), null)
    await next.leave()
    await one.delete(writer.key)
    assert.equal(await resumableOf(other).resume(writer.key, flushed), null)
    assert.equal(await one.removeLeftovers(async () => false), 0)
  },

  'ends what waits for a flush when the writer is given up': async ({ one }) => {
    for (const end of ['leave', 'abort'] as const) {
      const writer = await resumableOf(one).create()
      for (let round = 0; round < 40; round++) writer.write(bytes(65_536))
      const flushed = writer.flush()
      await Promise.all([writer[end](), flushed.catch(() => {})])
      await assert.rejects(writer.flush(), { code: 'UPLOAD_INTERRUPTED' })
      await one.delete(writer.key)
    }
  },

  'copies what an unfinished blob holds, as far as it is asked to': async ({ one, other }) => {
    const content = bytes(10_000_000, 'unfinished')
    const writer = await resumableOf(one).create()
    await fill(writer, content)
    const flushed = await writer.flush()
    await writer.leave()
    const unfinished = resumableOf(other)
    for (const size of [0, 1, 262_145, flushed]) {
      const chunks: Buffer[] = []
      await unfinished.copy(writer.key, size, async (chunk) => void chunks.push(Buffer.from(chunk)))
      assert.ok(Buffer.concat(chunks).equals(content.subarray(0, size)))
    }
    const nowhere = async () => {}
    await assert.rejects(unfinished.copy(writer.key, content.length + 1, nowhere), DAMAGED)
    await assert.rejects(unfinished.copy(ABSENT, 1, nowhere), DAMAGED)
    await assert.rejects(unfinished.copy(writer.key, flushed, nowhere, AbortSignal.abort(new Error('over'))), /over/)
    await one.delete(writer.key)
  },
}
