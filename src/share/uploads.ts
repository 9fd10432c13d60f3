/**
 * The one path that every upload takes: space is reserved, bytes stream into a blob, the blob becomes durable, then the
 * file's row is written. Until that last step there is no file; after it there always is.
 */
import type { IncomingMessage } from 'node:http'
import { formatBytes, HoldfastError, type Log } from '../base/index.ts'
import type { BlobStore, BlobWriter } from '../storage/index.ts'
import { BodyDigests } from './body-digests.ts'
import { invalid } from './fields.ts'
import type { FileRow, Files, NewFile } from './files.ts'
import type { FreeSpace } from './free-space.ts'
import type { OnBytes } from './receive-body.ts'
import type { TrackedUpload, UploadTracker } from './upload-tracker.ts'
import { ShareError } from './errors.ts'

export interface UploadPlan {
  request: IncomingMessage
  /** The client's id for progress events, or undefined. */
  uploadId: string | undefined
  /** Largest file that is allowed, bytes, or null for no limit. */
  maxBytes: number | null
  /** Bytes that the body may have besides the file. */
  envelopeBytes: number
  /** Whether the file may have no bytes. */
  mayBeEmpty: boolean
  /** Reads the body into the writer. @returns what the file is to be called and so on. */
  read(writer: BlobWriter, onBytes: OnBytes): Promise<NewFile>
}

export interface UploadsDependencies {
  blobs: BlobStore
  files: Files
  freeSpace: FreeSpace
  tracker: UploadTracker
  log: Log
}

export class Uploads {
  readonly #deps: UploadsDependencies
  /** Keys of blobs that have no row yet because their upload is still running. */
  readonly #inFlight = new Set<string>()

  constructor(dependencies: UploadsDependencies) {
    this.#deps = dependencies
  }

  isInFlight(blobKey: string): boolean {
    return this.#inFlight.has(blobKey)
  }

  /**
   * @returns the stored file; it survives a crash from here on. @throws NO_SPACE, TOO_LARGE, INVALID_REQUEST,
   * DIGEST_MISMATCH, UPLOAD_INTERRUPTED; nothing of the upload is left then.
   */
  async receive(plan: UploadPlan): Promise<FileRow> {
    const digests = new BodyDigests(plan.request.headers)
    const length = contentLength(plan.request)
    if (length !== null) requireAtMost(plan.maxBytes, length - plan.envelopeBytes)
    using reservation = await this.#deps.freeSpace.reserve(length)
    const upload = this.#deps.tracker.begin(plan.uploadId, length)
    const onBytes: OnBytes = (bytes, chunk) => {
      upload.add(bytes)
      reservation.used(upload.bytes)
      requireAtMost(plan.maxBytes, upload.bytes - plan.envelopeBytes)
      digests.update(chunk)
    }
    try {
      const file = await this.#store(plan, digests, onBytes)
      this.#deps.tracker.end(upload, { fileId: file.id })
      return file
    } catch (error) {
      this.#fail(upload, error)
      throw error
    }
  }

  async #store(plan: UploadPlan, digests: BodyDigests, onBytes: OnBytes): Promise<FileRow> {
    const writer = await this.#deps.blobs.create()
    this.#inFlight.add(writer.key)
    try {
      const file = await plan.read(writer, onBytes)
      digests.check(plan.request.trailers)
      requireAtMost(plan.maxBytes, writer.sizeBytes)
      if (writer.sizeBytes === 0 && !plan.mayBeEmpty) throw invalid('file', 'file must be non-empty')
      // The disk may need longer than the connection may be idle; the client has nothing more to send.
      plan.request.socket.setTimeout(0)
      return await this.#deps.files.add(await writer.finish(), file)
    } finally {
      await writer.abort()
      this.#inFlight.delete(writer.key)
    }
  }

  #fail(upload: TrackedUpload, error: unknown): void {
    const known =
      error instanceof HoldfastError ? error : new ShareError('INTERNAL', 'the upload failed inside the server')
    this.#deps.tracker.end(upload, { error: known })
    this.#deps.log.info({ upload: upload.id, bytes: upload.bytes, code: known.code }, 'upload failed')
  }
}

/** The request's Content-Length in bytes, or null when the body is chunked. */
export function contentLength(request: IncomingMessage): number | null {
  const header = request.headers['content-length']
  return header === undefined ? null : Number(header)
}

/** @param limit bytes, or null for no limit. @throws TOO_LARGE */
function requireAtMost(limit: number | null, bytes: number): void {
  if (limit !== null && bytes > limit) throw tooLarge(limit)
}

export function tooLarge(limit: number): HoldfastError {
  return new ShareError('TOO_LARGE', `the upload is larger than the ${formatBytes(limit)} that are allowed`, {
    details: { maxBytes: limit },
  })
}
