/**
 * Blobs as plain files: `files/ab/abcdef...` when finished, `uploads/abcdef....part` while being written,
 * `uploads/abcdef....orphan` in quarantine. A name is 32 random hex digits of ours; nothing that a client sends ever
 * becomes part of a path.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync, type Stats } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises'
import { totalmem } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { HoldfastError, systemErrorCode, threadModule, type Log } from '../../../base/index.ts'
import type {
  BlobStore,
  BlobWriter,
  ByteRange,
  ChunkSink,
  ResumableWriter,
  StoredBlob,
  StoreSpace,
} from '../blob-store.ts'
import { syncFolder } from '../../durable-file.ts'
import { FileWriter } from './file-writer.ts'
import { SegmentPool } from './segment-pool.ts'
import type { FromWorker, ToWorker, WorkerSetup } from './write-messages.ts'

/** Bytes of each of a copy's two buffers: the disk fills one while the client takes the other. */
const COPY_BUFFER_BYTES = 256 * 1024
/**
 * The part of the memory that bytes may take which wait for the disk. Dirty memory cannot be given to others, and
 * within a container's limit not every kernel holds writers back in time (cgroup v1 does not).
 */
const UNFLUSHED_PART = 8
/** An upload needs one for its file and perhaps one for a folder, and the database some for its own. */
const MIN_FREE_INODES = 16
const KEY_PATTERN = /^[0-9a-f]{32}$/
const QUARANTINE_SUFFIX = '.orphan'

export interface FilesystemBlobsOptions {
  /** Holds `files/` and `uploads/`, which exist. */
  dataFolder: string
  /** Whether `finish` waits until the bytes are on the disk. */
  durable: boolean
  log: Log
}

export class FilesystemBlobs implements BlobStore {
  readonly #options: FilesystemBlobsOptions
  readonly #pool = new SegmentPool()
  readonly #writers = new Map<number, FileWriter>()
  /** Keys of blobs whose writer is done and whose file is on its way from `uploads/` to `files/`. */
  readonly #publishing = new Set<string>()
  #worker: Worker | null = null
  #lastId = 0

  /** Where partial files and the quarantine are: `uploads/`, or within `files/` where that is another file system. */
  readonly #uploads: string

  constructor(options: FilesystemBlobsOptions) {
    this.#options = options
    this.#uploads = uploadsFolder(options.dataFolder)
  }

  /** Starts the write worker ahead of the first upload. `create` calls it otherwise. */
  warmUp(): void {
    if (this.#worker) return
    const setup: WorkerSetup = {
      segments: this.#pool.buffers,
      durable: this.#options.durable,
      unflushedBytes: memoryBytes() / UNFLUSHED_PART,
    }
    const worker = new Worker(threadModule('storage/blobs/filesystem/write-worker'), {
      name: 'holdfast-write',
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 },
    })
    worker.on('message', (message: FromWorker) => this.#receive(message))
    worker.on('error', (error) => this.#workerDied(worker, error as Error))
    worker.on('exit', () => this.#workerDied(worker, new Error('the write worker ended')))
    worker.unref()
    this.#worker = worker
  }

  async create(): Promise<BlobWriter> {
    return await this.#open(newKey(), { resumeAt: null, isResumable: false })
  }

  async createResumable(): Promise<ResumableWriter> {
    const writer = await this.#open(newKey(), { resumeAt: null, isResumable: true })
    try {
      if (this.#options.durable) await syncFolder(this.#uploads)
    } catch (error) {
      await writer.abort()
      throw error
    }
    return writer
  }

  async resume(key: string, sizeBytes: number): Promise<ResumableWriter | null> {
    if (!(await this.#takeBack(key))) return null
    return await this.#open(key, { resumeAt: sizeBytes, isResumable: true })
  }

  async #open(key: string, how: { resumeAt: number | null; isResumable: boolean }): Promise<FileWriter> {
    this.warmUp()
    const id = ++this.#lastId
    const partialPath = this.#partialPath(key)
    const writer = new FileWriter({
      ...how,
      id,
      key,
      partialPath,
      pool: this.#pool,
      post: (message: ToWorker) => this.#worker?.postMessage(message),
      publish: () => this.#publish(partialPath, key),
      discard: async () => this.delete(key),
      onSettled: () => this.#forget(id),
    })
    this.#writers.set(id, writer)
    this.#worker?.ref()
    await writer.opened
    return writer
  }

  async copy(key: string, range: ByteRange, sink: ChunkSink): Promise<void> {
    await this.#copy(key, this.#path(key), range, sink)
  }

  async copyUnfinished(key: string, sizeBytes: number, sink: ChunkSink): Promise<void> {
    await this.#copy(key, this.#partialPath(key), { start: 0, end: sizeBytes }, sink)
  }

  async #copy(key: string, path: string, { start, end }: ByteRange, sink: ChunkSink): Promise<void> {
    const file = await openBlob(key, path)
    const size = Math.min(COPY_BUFFER_BYTES, end - start)
    const buffers = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)] as const
    let sending = Promise.resolve()
    try {
      for (let position = start, turn = 0; position < end; turn ^= 1) {
        const buffer = turn === 0 ? buffers[0] : buffers[1]
        const { bytesRead } = await file.read(buffer, 0, Math.min(size, end - position), position)
        if (bytesRead === 0) throw damaged(key, `it ends at byte ${position}, expected ${end}`)
        await sending
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

  async stat(key: string): Promise<StoredBlob | null> {
    const info = await statIfThere(this.#path(key))
    return info && { key, sizeBytes: info.size }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true })
    await rm(this.#partialPath(key), { force: true })
    await rm(this.#quarantinePath(key), { force: true })
  }

  async *list(): AsyncIterable<StoredBlob> {
    const root = join(this.#options.dataFolder, 'files')
    for (const folder of await readdir(root)) {
      // What others put there (.DS_Store, lost+found) is none of ours.
      if (!/^[0-9a-f]{2}$/.test(folder)) continue
      for (const key of await readdir(join(root, folder))) {
        const blob = KEY_PATTERN.test(key) ? await this.stat(key) : null
        if (blob) yield blob
      }
    }
  }

  async quarantine(key: string): Promise<void> {
    if (await renameIfThere(this.#path(key), this.#quarantinePath(key)))
      await this.#syncFolderOf(this.#quarantinePath(key))
  }

  async *quarantined(): AsyncIterable<StoredBlob> {
    const folder = this.#uploads
    for (const name of await readdir(folder)) {
      const key = name.slice(0, -QUARANTINE_SUFFIX.length)
      if (!name.endsWith(QUARANTINE_SUFFIX) || !KEY_PATTERN.test(key)) continue
      const info = await statIfThere(join(folder, name))
      if (info) yield { key, sizeBytes: info.size }
    }
  }

  async release(key: string): Promise<void> {
    const path = this.#path(key)
    await makeOne(join(path, '..'))
    if (await renameIfThere(this.#quarantinePath(key), path)) await this.#syncFolderOf(path)
  }

  async removeLeftovers(isKept: (key: string) => Promise<boolean>): Promise<number> {
    const folder = this.#uploads
    const names = await readdir(folder)
    // Asked for after the listing: what began meanwhile is not in that, and what ended has been moved away.
    const active = new Set([...[...this.#writers.values()].map((writer) => writer.key), ...this.#publishing])
    let removed = 0
    for (const name of names) {
      const key = name.slice(0, -'.part'.length)
      if (!name.endsWith('.part') || active.has(key) || (await isKept(key))) continue
      // A blob that was published since the listing is no longer there.
      if (await removeIfThere(join(folder, name))) removed += 1
    }
    return removed
  }

  async probe(): Promise<void> {
    const name = `.probe-${newKey()}`
    const [from, to] = [join(this.#uploads, name), join(this.#options.dataFolder, 'files', name)]
    try {
      const file = await open(from, 'w', 0o600)
      try {
        await file.writeFile(name)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(from, to)
      await syncFolder(join(to, '..'))
    } finally {
      for (const path of [from, to]) await rm(path, { force: true }).catch(() => {})
    }
  }

  async space(): Promise<StoreSpace> {
    const { bavail, blocks, bsize, files, ffree } = await statfs(join(this.#options.dataFolder, 'files'))
    // Without inodes no byte can be stored. File systems without a fixed number of them say 0 of 0.
    const isOutOfInodes = files > 0 && ffree < MIN_FREE_INODES
    return { freeBytes: isOutOfInodes ? 0 : bavail * bsize, totalBytes: blocks * bsize }
  }

  async close(): Promise<void> {
    const worker = this.#worker
    this.#worker = null
    for (const writer of this.#writers.values()) writer.fail(new Error('the blob store is closed'))
    await worker?.terminate()
  }

  async #publish(partialPath: string, key: string): Promise<void> {
    const path = this.#path(key)
    const folder = join(path, '..')
    this.#publishing.add(key)
    let made = false
    try {
      made = await makeOne(folder)
      await rename(partialPath, path)
    } finally {
      this.#publishing.delete(key)
    }
    if (!this.#options.durable) return
    await syncFolder(folder)
    if (made) await syncFolder(join(folder, '..'))
  }

  #path(key: string): string {
    if (!KEY_PATTERN.test(key)) throw new HoldfastError('INTERNAL', `${JSON.stringify(key)} is not a blob key`)
    return join(this.#options.dataFolder, 'files', key.slice(0, 2), key)
  }

  #partialPath(key: string): string {
    return join(this.#uploads, `${key}.part`)
  }

  #quarantinePath(key: string): string {
    return join(this.#uploads, key + QUARANTINE_SUFFIX)
  }

  async #syncFolderOf(path: string): Promise<void> {
    if (this.#options.durable) await syncFolder(join(path, '..'))
  }

  /** Makes a blob unfinished again, unless it is. @returns whether it is there. */
  async #takeBack(key: string): Promise<boolean> {
    if (await statIfThere(this.#partialPath(key))) return true
    return renameIfThere(this.#path(key), this.#partialPath(key))
  }

  #receive(message: FromWorker): void {
    if (message.type === 'warning')
      this.#options.log.warn({ err: message.error }, 'a partial file was not removed or cut off')
    this.#writers.get(message.id)?.receive(message)
  }

  #forget(id: number): void {
    this.#writers.delete(id)
    if (this.#writers.size === 0) this.#worker?.unref()
  }

  #workerDied(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return
    this.#worker = null
    this.#options.log.error({ err: error }, 'the write worker died; its uploads fail, the next one starts a new worker')
    for (const writer of this.#writers.values()) writer.fail(error)
    this.#writers.clear()
  }
}

function newKey(): string {
  return randomBytes(16).toString('hex')
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
  return new HoldfastError('BLOB_DAMAGED', `the stored file ${key} is damaged: ${what}`, {
    hint: "Run 'holdfast verify' to find all damaged files.",
  })
}

/** @returns whether there was such a file. */
function removeIfThere(path: string): Promise<boolean> {
  return ifThere(async () => (await rm(path), true), false)
}

/** @returns whether there was such a file. */
function renameIfThere(from: string, to: string): Promise<boolean> {
  return ifThere(async () => (await rename(from, to), true), false)
}

function statIfThere(path: string): Promise<Stats | null> {
  return ifThere(() => stat(path), null)
}

async function ifThere<Found, Otherwise>(task: () => Promise<Found>, otherwise: Otherwise): Promise<Found | Otherwise> {
  try {
    return await task()
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return otherwise
    throw error
  }
}

/**
 * Only this one: where `files/` itself is gone, a new one would lie on another disk. @returns whether it was missing.
 */
async function makeOne(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 })
    return true
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** A rename works within one file system only; whether two folders share one, only a rename can tell (bind mounts). */
function uploadsFolder(dataFolder: string): string {
  const usual = join(dataFolder, 'uploads')
  const name = `.probe-${newKey()}`
  const [from, to] = [join(usual, name), join(dataFolder, 'files', name)]
  try {
    writeFileSync(from, '')
    renameSync(from, to)
  } catch (error) {
    // What else may be wrong with the disk is told by what needs it.
    if (systemErrorCode(error) !== 'EXDEV') return usual
    const within = join(dataFolder, 'files', 'uploads')
    mkdirSync(within, { recursive: true, mode: 0o700 })
    return within
  } finally {
    for (const path of [from, to]) rmSync(path, { force: true })
  }
  return usual
}

/** What this process may use: the machine's memory, or the limit of its container. */
function memoryBytes(): number {
  return Math.min(totalmem(), process.constrainedMemory() || Infinity)
}
