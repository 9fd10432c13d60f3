/** A Holdfast share as a program uses it. Calls that fail for the moment are tried again. */
import { z } from 'zod'
import { createRetry, HoldfastError, type Retry } from '../base/index.ts'
import type { SharedFile } from './api-types.ts'
import { Connection, type ConnectionOptions } from './connection.ts'
import { HTTP, parseJson } from './http.ts'
import { TusClient, type LocalFile } from './tus-client.ts'
import { Upload, type UploadOptions } from './upload.ts'

const MAX_DELAY_MS = 30_000

/** What the client needs of a file of the share. */
export type StoredFile = Pick<SharedFile, 'id' | 'sha256' | 'sizeBytes' | 'url'>

const storedFile: z.ZodType<StoredFile> = z.object({
  id: z.string(),
  sha256: z.string(),
  sizeBytes: z.number(),
  url: z.string(),
})

export interface ClientOptions extends ConnectionOptions {
  /** Tries in a row that may fail without a byte of progress. Default 8, which is one to two minutes. */
  retries?: number
  /** Longest first wait between two of them, ms, doubled for each further one. Default 500. */
  initialDelayMs?: number
}

/**
 * Every method throws PUBLISH_FAILED when the share is unreachable or not a share, does not know the token, or refuses;
 * and the abort's reason.
 */
export class HoldfastClient {
  readonly #connection: Connection
  readonly #tus: TusClient
  readonly #retry: Retry

  /** @throws PUBLISH_FAILED when the URL is not an address of a share. */
  constructor({ retries = 8, initialDelayMs = 500, ...options }: ClientOptions) {
    this.#connection = new Connection(options)
    this.#tus = new TusClient(this.#connection)
    this.#retry = createRetry({
      isTransient: (error) => error instanceof HoldfastError && error.retryable,
      retries,
      initialDelayMs,
      maxDelayMs: MAX_DELAY_MS,
    })
  }

  /** The share's address, with a slash at the end. */
  get share(): URL {
    return this.#connection.share
  }

  /** A file of the share, or null. */
  async file(id: string): Promise<StoredFile | null> {
    return await this.#retrying(async () => {
      const answer = await this.#connection.ask('GET', this.#connection.at(`api/files/${encodeURIComponent(id)}`))
      if (answer.status === HTTP.notFound) return null
      if (answer.status !== HTTP.ok) throw this.#connection.refused(answer, 'the file')
      const file = storedFile.safeParse(parseJson(answer.text))
      if (!file.success) throw this.#connection.notAShare(answer)
      return file.data
    })
  }

  /** Removes a file of the share; absent is not an error. */
  async remove(id: string): Promise<void> {
    const url = this.#connection.at(`api/entry/${encodeURIComponent(id)}`)
    await this.#retrying(async () => {
      const answer = await this.#connection.ask('DELETE', url)
      if (answer.status !== HTTP.ok && answer.status !== HTTP.notFound)
        throw this.#connection.refused(answer, 'the removal')
    })
  }

  /**
   * Brings a local file to the share. What the share has of it is not sent again. Patience begins anew whenever the
   * share has more than before.
   * @returns the id of the file.
   */
  async upload(file: LocalFile, options: UploadOptions = {}): Promise<string> {
    const upload = new Upload(this.#tus, file, options)
    let id: string | null = null
    while (id === null) id = await this.#retrying(async () => upload.advance())
    return id
  }

  async #retrying<T>(task: () => Promise<T>): Promise<T> {
    const { signal } = this.#connection
    try {
      return await this.#retry(task, signal)
    } catch (error) {
      signal.throwIfAborted()
      throw error
    }
  }
}
