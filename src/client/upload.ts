/** The upload of one file by several requests: it resumes where the share stands. */
import type { LocalFile, TusClient } from './tus-client.ts'

/** As a share takes it: docs/guide/share.md. */
const NEVER = new Date('2999-12-31T00:00:00Z')

export interface UploadOptions {
  /** Address of the upload that an earlier call began; it resumes if the share still has it. Default: a new one. */
  resume?: string | null
  /** Awaited before the first byte of a new upload is sent: keep the address, for `resume`. */
  onBegun?: (upload: URL) => Promise<void>
  /** Of this file; bytes that the share had already count. A retry may step back. */
  onProgress?: (sentBytes: number) => void
  /** How long the share keeps the file, ms from the upload's begin; at least an hour. Default: for ever. */
  keepMs?: number
}

export class Upload {
  readonly #tus: TusClient
  readonly #file: LocalFile
  readonly #options: UploadOptions
  /** Null until there is one on the share. */
  #url: URL | null
  /** Where the share was seen to stand, bytes. */
  #furthest = 0

  /** @throws PUBLISH_FAILED when the address to resume at is on another server. */
  constructor(tus: TusClient, file: LocalFile, options: UploadOptions) {
    this.#tus = tus
    this.#file = file
    this.#options = options
    this.#url = options.resume == null ? null : tus.uploadAt(options.resume)
  }

  /**
   * Sends what the share does not have. May be called again after a failure.
   * @returns the id of the file, or null when the call before this one has made progress: then call again.
   */
  async advance(): Promise<string | null> {
    const { url, offset, fileId } = await this.#open()
    if (fileId !== null) return fileId
    this.#options.onProgress?.(offset)
    if (offset > this.#furthest) {
      this.#furthest = offset
      return null
    }
    const { path, sizeBytes: end } = this.#file
    const onSent = (bytes: number) => this.#options.onProgress?.(offset + bytes)
    return (await this.#tus.append(url, { path, start: offset, end, onSent })).fileId
  }

  async #open() {
    const state = this.#url === null ? null : await this.#tus.find(this.#url)
    if (this.#url !== null && state !== null) return { url: this.#url, ...state }
    const { keepMs, onBegun } = this.#options
    const url = await this.#tus.create(this.#file, keepMs === undefined ? NEVER : new Date(Date.now() + keepMs))
    await onBegun?.(url)
    this.#url = url
    return { url, offset: 0, fileId: null }
  }
}
