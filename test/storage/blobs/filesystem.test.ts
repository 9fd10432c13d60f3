/** Blobs as plain files, and the suite itself: it must catch drivers that break its promises. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { createLog } from '../../../src/base/index.ts'
import { FilesystemBlobs } from '../../../src/storage/blobs/filesystem/filesystem-blobs.ts'
import {
  openBlobs,
  type BlobWriter,
  type ByteRange,
  type ChunkSink,
  type FinishedBlob,
  type ResumableBlobs,
  type ResumableWriter,
} from '../../../src/storage/index.ts'
import { bytes } from '../../support/bytes.ts'
import { temporaryFolder } from '../../support/server.ts'
import { BLOB_STORE_CHECKS, type Check } from './conformance.ts'
import { store } from './fill-and-read.ts'
import { RESUMABLE_CHECKS } from './resumable-conformance.ts'

const CHECKS: Record<string, Check> = { ...BLOB_STORE_CHECKS, ...RESUMABLE_CHECKS }

const log = await createLog('silent')
const opened: FilesystemBlobs[] = []
after(async () => {
  for (const blobs of opened) await blobs.close()
})

type Driver = new (...given: ConstructorParameters<typeof FilesystemBlobs>) => FilesystemBlobs

function pair(Store: Driver = FilesystemBlobs) {
  const dataFolder = temporaryFolder()
  for (const folder of ['files', 'uploads']) mkdirSync(join(dataFolder, folder))
  const make = () => new Store(dataFolder, { durable: false, log })
  const stores = { one: make(), other: make(), dataFolder }
  opened.push(stores.one, stores.other)
  return stores
}

describe('FilesystemBlobs', () => {
  for (const [promise, check] of Object.entries(CHECKS)) it(promise, { timeout: 30_000 }, () => check(pair()))

  it('removes what a crash left, and only that', async () => {
    const { one, dataFolder } = pair()
    const writer = await one.create()
    writer.write(bytes(1000))
    for (const name of [`${'a'.repeat(32)}.part`, `${'b'.repeat(32)}.part`, 'README'])
      writeFileSync(join(dataFolder, 'uploads', name), 'x')
    assert.equal(await one.removeLeftovers(async () => false), 2)
    assert.deepEqual(readdirSync(join(dataFolder, 'uploads')).toSorted(), ['README', `${writer.key}.part`].toSorted())
    assert.equal((await writer.finish()).sizeBytes, 1000)
  })

  it('lists only its own files', async () => {
    const { one, dataFolder } = pair()
    const { key } = await store(one, bytes(10))
    mkdirSync(join(dataFolder, 'files', 'zz'))
    writeFileSync(join(dataFolder, 'files', 'zz', 'notes.txt'), 'x')
    const found: string[] = []
    for await (const blob of one.list()) found.push(blob.key)
    assert.deepEqual(found, [key])
  })

  it('resumes after the bytes that are left when the file became shorter', async () => {
    const { one, dataFolder } = pair()
    const writer = await one.resumable.create()
    writer.write(bytes(5000))
    await writer.flush()
    await writer.leave()
    truncateSync(join(dataFolder, 'uploads', `${writer.key}.part`), 1000)
    const next = await one.resumable.resume(writer.key, 5000)
    assert.equal(next?.sizeBytes, 1000)
    await next.abort()
  })

  it('puts back what earlier versions set aside', async () => {
    const { one, dataFolder } = pair()
    const key = 'ab'.repeat(16)
    const setAside = join(dataFolder, 'uploads', `${key}.orphan`)
    writeFileSync(setAside, 'x')
    assert.equal(await one.removeLeftovers(async () => false), 0)
    assert.deepEqual(await one.stat(key), { key, sizeBytes: 1 })
    assert.ok(!existsSync(setAside))
  })

  it('is opened by a folder or a file: URL; other schemes are refused', async () => {
    const { dataFolder } = pair()
    for (const location of [dataFolder, `file:${dataFolder}`, `file://${dataFolder}`]) {
      const blobs = await openBlobs(location, { durable: false, log })
      await blobs.probe()
      await blobs.close()
    }
    await assert.rejects(openBlobs('ftp://example', { durable: false, log }), { code: 'INVALID_REQUEST' })
  })

  it('refuses a path as a key', async () => {
    const { one } = pair()
    for (const key of ['../../etc/passwd', '', 'A'.repeat(32), `${'a'.repeat(31)}/`, `${'a'.repeat(32)}\n`]) {
      await assert.rejects(one.stat(key), { code: 'INTERNAL' }, key)
      await assert.rejects(one.delete(key), { code: 'INTERNAL' }, key)
      await assert.rejects(
        one.copy(key, { start: 0, end: 1 }, async () => {}),
        { code: 'INTERNAL' },
        key,
      )
    }
  })
})

type Change = (writer: ResumableWriter) => void

function changeWriters(blobs: ResumableBlobs, changes: { create?: Change; resume?: Change }): void {
  const sound = { ...blobs }
  blobs.create = async () => {
    const writer = await sound.create()
    changes.create?.(writer)
    return writer
  }
  blobs.resume = async (key, sizeBytes) => {
    const writer = await sound.resume(key, sizeBytes)
    if (writer) changes.resume?.(writer)
    return writer
  }
}

/** Drivers that break one promise each, and the check that has to notice. */
class ShowsUnfinished extends FilesystemBlobs {
  override async create(): Promise<BlobWriter> {
    const writer = await super.create()
    this.stat = async (key) => ({ key, sizeBytes: writer.sizeBytes })
    return writer
  }
}

class ReusesChunksTooSoon extends FilesystemBlobs {
  override async copy(key: string, range: ByteRange, sink: ChunkSink): Promise<void> {
    await super.copy(key, range, async (chunk) => {
      const copy = Uint8Array.from(chunk)
      const taken = sink(copy)
      copy.fill(0)
      await taken
    })
  }
}

class IgnoresTheEnd extends FilesystemBlobs {
  override async copy(key: string, range: ByteRange, sink: ChunkSink): Promise<void> {
    const stored = await this.stat(key)
    await super.copy(key, { ...range, end: Math.min(range.end, stored?.sizeBytes ?? range.end) }, sink)
  }
}

class KeepsTheCallersMemory extends FilesystemBlobs {
  override async create(): Promise<BlobWriter> {
    const writer = await super.create()
    const kept: Uint8Array[] = []
    const write = writer.write.bind(writer)
    const finish = writer.finish.bind(writer)
    writer.write = (chunk) => {
      kept.push(chunk)
      return true
    }
    writer.finish = async (): Promise<FinishedBlob> => {
      for (const chunk of kept) if (!write(chunk)) await writer.drained()
      return await finish()
    }
    return writer
  }
}

class HashesOnlyWhatIsNew extends FilesystemBlobs {
  constructor(...given: ConstructorParameters<typeof FilesystemBlobs>) {
    super(...given)
    changeWriters(this.resumable, {
      resume(writer) {
        const hash = createHash('sha256')
        const write = writer.write.bind(writer)
        const finish = writer.finish.bind(writer)
        writer.write = (chunk) => {
          hash.update(chunk)
          return write(chunk)
        }
        writer.finish = async () => ({ ...(await finish()), sha256: hash.digest('hex') })
      },
    })
  }
}

class DropsWhatItLeaves extends FilesystemBlobs {
  constructor(...given: ConstructorParameters<typeof FilesystemBlobs>) {
    super(...given)
    changeWriters(this.resumable, {
      create(writer) {
        writer.leave = async () => writer.abort()
      },
    })
  }
}

class FlushesTooEarly extends FilesystemBlobs {
  constructor(...given: ConstructorParameters<typeof FilesystemBlobs>) {
    super(...given)
    changeWriters(this.resumable, {
      create(writer) {
        writer.flush = async () => writer.sizeBytes
      },
    })
  }
}

class SweepsWhatIsWritten extends FilesystemBlobs {
  override async removeLeftovers(isKept: (key: string) => Promise<boolean>): Promise<number> {
    const sweeper = new FilesystemBlobs(this.folder, { durable: false, log })
    return await sweeper.removeLeftovers(isKept)
  }

  readonly folder: string
  constructor(...given: ConstructorParameters<typeof FilesystemBlobs>) {
    super(...given)
    this.folder = given[0]
  }
}

describe('the conformance suite', () => {
  const broken: [Driver, string][] = [
    [ShowsUnfinished, 'shows a blob only when it is finished'],
    [ReusesChunksTooSoon, 'copies in order and one chunk at a time'],
    [IgnoresTheEnd, 'says that a blob is missing or too short'],
    [KeepsTheCallersMemory, 'gives back what it was given, to both handles, with its size and hash'],
    [HashesOnlyWhatIsNew, 'resumes a blob that was left, in another process too'],
    [DropsWhatItLeaves, 'resumes a blob that was left, in another process too'],
    [FlushesTooEarly, 'has what was flushed, however the writer ended'],
    [SweepsWhatIsWritten, 'does not sweep what is being written or has just been'],
  ]
  for (const [Store, promise] of broken) {
    it(`catches a driver that ${Store.name}`, { timeout: 30_000 }, async () => {
      const check: Check | undefined = CHECKS[promise]
      assert.ok(check)
      await assert.rejects(check(pair(Store)))
    })
  }
})
