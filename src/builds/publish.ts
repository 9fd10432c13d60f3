/**
 * Brings the artifacts of a build to a Holdfast share and answers with their links. An upload outlives the process that
 * sends it: what the share has is never sent again, be it a whole file or the first part of one.
 */
import { stat } from 'node:fs/promises'
import { formatBytes, messageOf } from '../base/index.ts'
import {
  HoldfastClient,
  type ClientOptions,
  type LocalFile,
  type StoredFile,
  type UploadOptions,
} from '../client/index.ts'
import { BuildError } from './errors.ts'
import { UploadRecords } from './upload-records.ts'

export interface PublishableFile extends LocalFile {
  /** Lower-case hex. */
  sha256: string
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

export interface PublishOptions extends Omit<ClientOptions, 'tokenSource'>, Pick<UploadOptions, 'keepMs'> {
  /** Holds a small file for each upload; made when missing. Keep it, and a killed publish goes on. */
  resumeFolder: string
  onProgress?: (progress: PublishProgress) => void
}

/** As messages name it. */
const TOKEN_SOURCE = 'HOLDFAST_PUBLISH_TOKEN'

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
  const client = new HoldfastClient({ ...options, tokenSource: TOKEN_SOURCE })
  const publisher = new Publisher(client, options)
  const published: PublishedFile[] = []
  for (const artifact of artifacts) {
    await requireWhole(artifact)
    published.push({ path: artifact.path, url: (await publisher.publish(artifact)).url })
  }
  return published
}

class Publisher {
  readonly #client: HoldfastClient
  readonly #options: PublishOptions
  readonly #records: UploadRecords

  constructor(client: HoldfastClient, options: PublishOptions) {
    this.#client = client
    this.#options = options
    this.#records = new UploadRecords(options.resumeFolder)
  }

  async publish(artifact: PublishableFile): Promise<StoredFile> {
    const { share } = this.#client
    const { fileId, uploadUrl } = await this.#records.find(artifact, share)
    if (fileId !== null) {
      const known = await this.#client.file(fileId)
      if (known && isSame(known, artifact)) {
        this.#report(artifact, artifact.sizeBytes)
        return known
      }
      await this.#records.forget(artifact, share)
    }
    const { keepMs } = this.#options
    const uploaded = await this.#client.upload(artifact, {
      resume: fileId === null ? uploadUrl : null,
      onBegun: async (upload) => this.#records.save(artifact, share, { uploadUrl: upload.href, fileId: null }),
      onProgress: (sentBytes) => this.#report(artifact, sentBytes),
      ...(keepMs !== undefined && { keepMs }),
    })
    return await this.#verify(artifact, uploaded)
  }

  async #verify(artifact: PublishableFile, fileId: string): Promise<StoredFile> {
    const { share } = this.#client
    const stored = await this.#client.file(fileId)
    if (stored && isSame(stored, artifact)) {
      await this.#records.save(artifact, share, { uploadUrl: null, fileId })
      return stored
    }
    await this.#records.forget(artifact, share)
    if (!stored) {
      throw new BuildError('PUBLISH_FAILED', `the share at ${share.origin} took ${artifact.path} and has it no more`, {
        hint: 'Its files may expire at once; look at its settings.',
      })
    }
    await this.#client.remove(fileId)
    throw new BuildError(
      'PUBLISH_FAILED',
      `the share at ${share.origin} stored other bytes of ${artifact.path} than the build made: SHA-256 ${stored.sha256} (${formatBytes(stored.sizeBytes)}), expected ${artifact.sha256} (${formatBytes(artifact.sizeBytes)}); they were removed there`,
      { hint: 'The file may have been changed since it was built: build it again.' },
    )
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
    throw new BuildError('PUBLISH_FAILED', `${path} cannot be read: ${messageOf(error)}`, { cause: error })
  })
  if (!info.isFile()) throw new BuildError('PUBLISH_FAILED', `${path} is not a file; publish the files in it`)
  if (info.size !== sizeBytes) {
    const found = `${formatBytes(info.size)} instead of ${formatBytes(sizeBytes)}`
    throw new BuildError('PUBLISH_FAILED', `${path} has changed since it was built: it has ${found}`)
  }
  if (sizeBytes === 0) throw new BuildError('PUBLISH_FAILED', `${path} is empty, and a share takes no empty files`)
}
