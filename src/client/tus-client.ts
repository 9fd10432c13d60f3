/** Resumable uploads, one request a call: tus 1.0, https://tus.io/protocols/resumable-upload. */
import { basename } from 'node:path'
import type { Connection } from './connection.ts'
import type { Answer, FilePart } from './exchange.ts'
import { HTTP } from './http.ts'

const TUS = { 'tus-resumable': '1.0.0' }

/** A local file. */
export interface LocalFile {
  path: string
  sizeBytes: number
}

/** How far an upload has come, and the file that it became when it was whole. */
export interface UploadState {
  offset: number
  fileId: string | null
}

export class TusClient {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Begins an upload of a file that the share keeps until `expires`. @returns where to send it. */
  async create(file: LocalFile, expires: Date): Promise<URL> {
    const metadata = { filename: basename(file.path), expiration: expires.toISOString() }
    const pairs = Object.entries(metadata).map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    const headers = { 'upload-length': file.sizeBytes, 'upload-metadata': pairs.join(','), 'content-length': 0 }
    const answer = await this.#connection.ask('POST', this.#connection.at('api/tus/'), {
      headers: { ...TUS, ...headers },
    })
    const { location } = answer.headers
    if (answer.status !== HTTP.created || location === undefined) throw this.#connection.refused(answer, file.path)
    return this.uploadAt(location)
  }

  /** An address that was written down. @throws PUBLISH_FAILED when it is on another server. */
  uploadAt(address: string): URL {
    return this.#connection.ownUrl(address)
  }

  /** Where an upload stands, or null when the share does not know it any more. */
  async find(upload: URL): Promise<UploadState | null> {
    const answer = await this.#connection.ask('HEAD', upload, { headers: TUS })
    if (answer.status === HTTP.notFound || answer.status === HTTP.gone) return null
    if (answer.status !== HTTP.ok) throw this.#connection.refused(answer, 'the upload')
    return this.#stateOf(answer)
  }

  /** Sends the part and waits until the share has it. */
  async append(upload: URL, part: FilePart): Promise<UploadState> {
    const headers = { ...TUS, 'upload-offset': part.start, 'content-type': 'application/offset+octet-stream' }
    const answer = await this.#connection.ask('PATCH', upload, { headers, body: part })
    if (answer.status !== HTTP.noContent) throw this.#connection.refused(answer, part.path)
    return this.#stateOf(answer)
  }

  #stateOf(answer: Answer): UploadState {
    const offset = Number(answer.headers['upload-offset'])
    if (!Number.isSafeInteger(offset)) throw this.#connection.notAShare(answer)
    const id = answer.headers['holdfast-file-id']
    return { offset, fileId: typeof id === 'string' ? id : null }
  }
}
