/**
 * Blobs as plain files: `files/ab/abcdef...` when finished, `uploads/abcdef....part` while being written. A name is 32
 * random hex digits of ours; nothing that a client sends ever becomes part of a path.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, readdir, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { systemErrorCode } from '../../../base/index.ts'
import { syncFolder } from '../../durable-file.ts'
import type {
  BlobStore,
  BlobStoreOptions,
  BlobWriter,
  ByteRange,
  ChunkSink,
  ResumableBlobs,
  ResumableWriter,
  StoredBlob,
  StoreSpace,
} from '../blob-store.ts'
import type { SegmentWriter } from '../writing/segment-writer.ts'
import { WriteWorker } from '../writing/write-worker.ts'
import { copyFile } from './copy-file.ts'
import { removeIfThere, renameIfThere, statIfThere, makeOne } from './files.ts'
import { writeError } from './write-error.ts'
import { StorageError } from '../../errors.ts'

/** An upload needs one for its file and perhaps one for a folder, and the database some for its own. */
const MIN_FREE_INODES = 16
const KEY_PATTERN = /^[0-9a-f]{32}$/
/** Earlier versions moved blobs without a file to `uploads/` under this suffix. */
const ORPHAN_SUFFIX = '.orphan'

export class FilesystemBlobs implements BlobStore {
  readonly resumable: ResumableBlobs = {
    create: async () => this.#createResumable(),
    resume: async (key, sizeBytes) => this.#resume(key, sizeBytes),
    copy: async (key, sizeBytes, sink, signal) =>
      copyFile({ key, path: this.#partialPath(key) }, { start: 0, end: sizeBytes }, sink, signal),
  }
  readonly #options: BlobStoreOptions
  readonly #folder: string
  readonly #worker: WriteWorker
  /** Keys of blobs whose writer is done and whose file is on its way from `uploads/` to `files/`. */
  readonly #publishing = new Set<string>()
  /** Where partial files are: `uploads/`, or within `files/` where that is another file system. */
  readonly #uploads: string

  /** @param folder holds `files/` and `uploads/`, which exist. */
  constructor(folder: string, options: BlobStoreOptions) {
    this.#options = options
    this.#folder = folder
    this.#uploads = uploadsFolder(folder)
    this.#worker = new WriteWorker({ ...options, module: 'storage/blobs/filesystem/write-worker' })
  }

  warmUp(): void {
    this.#worker.warmUp()
  }

  async create(): Promise<BlobWriter> {
    return await this.#open(newKey(), { resumeAt: null, isResumable: false })
  }

  async copy(key: string, range: ByteRange, sink: ChunkSink, signal?: AbortSignal): Promise<void> {
    await copyFile({ key, path: this.#path(key) }, range, sink, signal)
  }

  async stat(key: string): Promise<StoredBlob | null> {
    const info = await statIfThere(this.#path(key))
    return info && { key, sizeBytes: info.size }
  }

  async delete(key: string): Promise<void> {
    await rm(this.#path(key), { force: true })
    await rm(this.#partialPath(key), { force: true })
  }

  async *list(): AsyncIterable<StoredBlob> {
    const root = join(this.#folder, 'files')
    for (const folder of await readdir(root)) {
      // What others put there (.DS_Store, lost+found) is none of ours.
      if (!/^[0-9a-f]{2}$/.test(folder)) continue
      for (const key of await readdir(join(root, folder))) {
        const blob = KEY_PATTERN.test(key) ? await this.stat(key) : null
        if (blob) yield blob
      }
    }
  }

  async removeLeftovers(isKept: (key: string) => Promise<boolean>): Promise<number> {
    const folder = this.#uploads
    const names = await readdir(folder)
    // Asked for after the listing: what began meanwhile is not in that, and what ended has been moved away.
    const active = new Set([...this.#worker.activeKeys(), ...this.#publishing])
    let removed = 0
    for (const name of names) {
      if (name.endsWith(ORPHAN_SUFFIX)) await this.#putBack(name)
      const key = name.slice(0, -'.part'.length)
      if (!name.endsWith('.part') || active.has(key) || (await isKept(key))) continue
      // A blob that was published since the listing is no longer there.
      if (await removeIfThere(join(folder, name))) removed += 1
    }
    return removed
  }

  async probe(): Promise<void> {
    const name = `.probe-${newKey()}`
    const [from, to] = [join(this.#uploads, name), join(this.#folder, 'files', name)]
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
    const { bavail, blocks, bsize, files, ffree } = await statfs(join(this.#folder, 'files'))
    // Without inodes no byte can be stored. File systems without a fixed number of them say 0 of 0.
    const isOutOfInodes = files > 0 && ffree < MIN_FREE_INODES
    return { freeBytes: isOutOfInodes ? 0 : bavail * bsize, totalBytes: blocks * bsize }
  }

  async close(): Promise<void> {
    await this.#worker.close()
  }

  async #createResumable(): Promise<ResumableWriter> {
    const writer = await this.#open(newKey(), { resumeAt: null, isResumable: true })
    try {
      if (this.#options.durable) await syncFolder(this.#uploads)
    } catch (error) {
      await writer.abort()
      throw error
    }
    return writer
  }

  async #resume(key: string, sizeBytes: number): Promise<ResumableWriter | null> {
    if (!(await this.#takeBack(key))) return null
    return await this.#open(key, { resumeAt: sizeBytes, isResumable: true })
  }

  async #open(key: string, how: { resumeAt: number | null; isResumable: boolean }): Promise<SegmentWriter> {
    const partialPath = this.#partialPath(key)
    return await this.#worker.open({
      ...how,
      key,
      target: partialPath,
      publish: () => this.#publish(partialPath, key),
      discard: async () => this.delete(key),
      translate: (error) => writeError(error, how.isResumable),
    })
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
    if (!KEY_PATTERN.test(key)) throw new StorageError('INTERNAL', `${JSON.stringify(key)} is not a blob key`)
    return join(this.#folder, 'files', key.slice(0, 2), key)
  }

  #partialPath(key: string): string {
    return join(this.#uploads, `${key}.part`)
  }

  /** Makes a blob unfinished again, unless it is. @returns whether it is there. */
  async #takeBack(key: string): Promise<boolean> {
    if (await statIfThere(this.#partialPath(key))) return true
    return renameIfThere(this.#path(key), this.#partialPath(key))
  }

  async #putBack(name: string): Promise<void> {
    const key = name.slice(0, -ORPHAN_SUFFIX.length)
    if (!KEY_PATTERN.test(key)) return
    const path = this.#path(key)
    await makeOne(join(path, '..'))
    if (await renameIfThere(join(this.#uploads, name), path)) await this.#syncFolderOf(path)
  }

  async #syncFolderOf(path: string): Promise<void> {
    if (this.#options.durable) await syncFolder(join(path, '..'))
  }
}

function newKey(): string {
  return randomBytes(16).toString('hex')
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
