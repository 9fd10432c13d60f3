/**
 * Records of uploads in small files, so that a killed publish resumes and a finished publish is not
 * done again.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { identityName, systemErrorCode } from '../base/index.ts'

const uploadRecord = z.object({
  /** The upload on the share, as long as it is unfinished. */
  uploadUrl: z.string().nullable(),
  /** The file on the share that it became. */
  fileId: z.string().nullable(),
})

export type UploadRecord = z.infer<typeof uploadRecord>

const NOTHING: UploadRecord = { uploadUrl: null, fileId: null }

export class UploadRecords {
  readonly #folder: string

  /** @param folder made when it is first needed. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /**
   * The record of an artifact on a share; null where it is missing or unreadable: then the artifact is uploaded
   * anew.
   */
  async find(artifact: { path: string; sha256: string }, share: URL): Promise<UploadRecord> {
    try {
      return uploadRecord.parse(JSON.parse(await readFile(this.#path(artifact, share), 'utf8')))
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT' || error instanceof SyntaxError || error instanceof z.ZodError)
        return NOTHING
      throw error
    }
  }

  /** Atomic: a crash leaves the old record or the new one. */
  async save(artifact: { path: string; sha256: string }, share: URL, record: UploadRecord): Promise<void> {
    const path = this.#path(artifact, share)
    const temporary = `${path}.${identityName()}.tmp`
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    await writeFile(temporary, JSON.stringify(record), { mode: 0o600 })
    await rename(temporary, path)
  }

  /** Absent is not an error. */
  async forget(artifact: { path: string; sha256: string }, share: URL): Promise<void> {
    await rm(this.#path(artifact, share), { force: true })
  }

  /** The same bytes under another name are another upload. */
  #path({ path, sha256 }: { path: string; sha256: string }, share: URL): string {
    const key = createHash('sha256').update(JSON.stringify([sha256, basename(path), share.href]))
    return join(this.#folder, `${key.digest('hex').slice(0, 32)}.json`)
  }
}
