/**
 * Brings the artifacts of a build to a Holdfast share and answers with their links. An upload outlives the process that
 * sends it: what the share has is never sent again, be it a whole file or the first part of one.
 */
import { stat } from 'node:fs/promises'
import { createRetry, formatBytes, HoldfastError, messageOf, type Retry, type Secret } from '../base/index.ts'
import { TusClient, type StoredFile } from './publish/tus-client.ts'
import { UploadRecords } from './publish/upload-records.ts'

export interface PublishableFile {
  path: string
  /** Lower-case hex. */
  sha256: string
  sizeBytes: number
}

export interface PublishedFile {
  path: string
  /** Where anyone can download it. */
  url: string
}

export interface PublishProgress {
  path: string
  /** Of this file; what the share had already counts. */
  sentBytes: number
  sizeBytes: number
}

export interface PublishOptions {
  /** The share as its users open it: `https://files.example.org`. */
  url: string
  /** An API token of the share. */
  token: Secret
  /** Holds a small file for each upload; made when missing. Keep it, and a killed publish goes on. */
  resumeFolder: string
  signal: AbortSignal
  onProgress?: (progress: PublishProgress) => void
  /** How long the share shall keep each file, ms from its upload's begin; at least an hour. Default: for ever. */
  keepMs?: number
  /** Tries in a row that may fail without a byte of progress. Default 8, which is one to two minutes. */
  retries?: number
  /** Longest first wait between two of them, ms, doubled for each further one. Default 500. */
  initialDelayMs?: number
}

const MAX_DELAY_MS = 30_000
/** As a share takes it: docs/guide/share.md. */
const NEVER = new Date('2999-12-31T00:00:00Z')

/**
 * Uploads files one after the other, in the order given. A file that the share holds under its recorded link is not
 * sent.
 * @returns a link for each, once the share has said that its SHA-256 is the artifact's.
 * @throws PUBLISH_FAILED: the share is unreachable or none, does not know the token, has no room, or stored other
 * bytes; a file is missing, empty or of another size. Files before it are published, and the next call goes on. The
 * abort's reason.
 */
export async function publishArtifacts(
  artifacts: readonly PublishableFile[],
  options: PublishOptions,
): Promise<PublishedFile[]> {
  const client = new TusClient(options.url, options.token, options.signal)
  const publisher = new Publisher(client, options)
  const published: PublishedFile[] = []
  for (const artifact of artifacts) {
    await requireWhole(artifact)
    published.push({ path: artifact.path, url: (await publisher.publish(artifact)).url })
  }
  return published
}

class Publisher {
  readonly #client: TusClient
  readonly #options: PublishOptions
  readonly #records: UploadRecords
  readonly #retry: Retry
  /** Where the share was seen to stand with the file that is being sent, bytes. */
  #furthest = 0

  constructor(client: TusClient, options: PublishOptions) {
    this.#client = client
    this.#options = options
    this.#records = new UploadRecords(options.resumeFolder)
    this.#retry = createRetry({
      isTransient: (error) => error instanceof HoldfastError && error.retryable,
      retries: options.retries ?? 8,
      initialDelayMs: options.initialDelayMs ?? 500,
      maxDelayMs: MAX_DELAY_MS,
    })
  }

  async publish(artifact: PublishableFile): Promise<StoredFile> {
    const { fileId } = await this.#records.find(artifact, this.#client.share)
    const known = fileId === null ? null : await this.#retrying(async () => this.#client.file(fileId))
    if (known && isSame(known, artifact)) {
      this.#report(artifact, artifact.sizeBytes)
      return known
    }
    if (fileId !== null) await this.#records.forget(artifact, this.#client.share)
    let uploaded: string | null = null
    this.#furthest = 0
    // Each turn ends with the file, or with some progress, after which patience begins anew.
    while (uploaded === null) uploaded = await this.#retrying(async () => this.#advance(artifact))
    return await this.#verify(artifact, uploaded)
  }

  /** Sends what the share has not. @returns the id of the file, or null when the last try has brought it on. */
  async #advance(artifact: PublishableFile): Promise<string | null> {
    const { upload, offset, fileId } = await this.#open(artifact)
    if (fileId !== null) return fileId
    this.#report(artifact, offset)
    if (offset > this.#furthest) {
      this.#furthest = offset
      return null
    }
    const { path, sizeBytes: end } = artifact
    const onSent = (bytes: number) => this.#report(artifact, offset + bytes)
    return (await this.#client.append(upload, { path, start: offset, end, onSent })).fileId
  }

  /** The upload that was begun before, or a new one. */
  async #open(artifact: PublishableFile) {
    const { share } = this.#client
    const { uploadUrl } = await this.#records.find(artifact, share)
    if (uploadUrl !== null) {
      const upload = this.#client.ownUrl(uploadUrl)
      const state = await this.#client.find(upload)
      if (state) return { upload, ...state }
    }
    const { keepMs } = this.#options
    const upload = await this.#client.create(artifact, keepMs === undefined ? NEVER : new Date(Date.now() + keepMs))
    await this.#records.save(artifact, share, { uploadUrl: upload.href, fileId: null })
    return { upload, offset: 0, fileId: null }
  }

  async #verify(artifact: PublishableFile, fileId: string): Promise<StoredFile> {
    const { share } = this.#client
    const stored = await this.#retrying(async () => this.#client.file(fileId))
    if (stored && isSame(stored, artifact)) {
      await this.#records.save(artifact, share, { uploadUrl: null, fileId })
      return stored
    }
    await this.#records.forget(artifact, share)
    if (!stored) {
      throw new HoldfastError(
        'PUBLISH_FAILED',
        `the share at ${share.origin} took ${artifact.path} and has it no more`,
        {
          hint: 'Its files may expire at once; look at its settings.',
        },
      )
    }
    await this.#retrying(async () => this.#client.remove(fileId))
    throw new HoldfastError(
      'PUBLISH_FAILED',
      `the share at ${share.origin} stored other bytes of ${artifact.path} than the build made: SHA-256 ${stored.sha256} (${formatBytes(stored.sizeBytes)}), expected ${artifact.sha256} (${formatBytes(artifact.sizeBytes)}); they were removed there`,
      { hint: 'The file may have been changed since it was built: build it again.' },
    )
  }

  async #retrying<T>(task: () => Promise<T>): Promise<T> {
    const { signal } = this.#options
    try {
      return await this.#retry(task, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    }
  }

  #report({ path, sizeBytes }: PublishableFile, sentBytes: number): void {
    this.#options.onProgress?.({ path, sentBytes, sizeBytes })
  }
}

function isSame(stored: StoredFile, artifact: PublishableFile): boolean {
  return stored.sha256 === artifact.sha256 && stored.sizeBytes === artifact.sizeBytes
}

async function requireWhole({ path, sizeBytes }: PublishableFile): Promise<void> {
  const info = await stat(path).catch((error: unknown) => {
    throw new HoldfastError('PUBLISH_FAILED', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  })
  if (!info.isFile()) throw new HoldfastError('PUBLISH_FAILED', `${path} is not a file; publish the files in it`)
  if (info.size !== sizeBytes) {
    const found = `${formatBytes(info.size)} instead of ${formatBytes(sizeBytes)}`
    throw new HoldfastError('PUBLISH_FAILED', `${path} has changed since it was built: it has ${found}`)
  }
  if (sizeBytes === 0) throw new HoldfastError('PUBLISH_FAILED', `${path} is empty, and a share takes no empty files`)
}
