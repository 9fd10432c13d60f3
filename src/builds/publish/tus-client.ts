/** A Holdfast share as a client sees it: tus 1.0 (https://tus.io/protocols/resumable-upload) and the JSON of its files. */
import { basename } from 'node:path'
import { z } from 'zod'
import { HoldfastError, type Secret } from '../../base/index.ts'
import { exchange, type Answer, type FilePart } from './exchange.ts'

const TUS = { 'tus-resumable': '1.0.0' }
const HTTP = {
  ok: 200,
  created: 201,
  noContent: 204,
  unauthorized: 401,
  notFound: 404,
  gone: 410,
  tooLarge: 413,
} as const
const HTTP_NO_SPACE = 507
/** Too early, too many, busy, out of step with us: worth another look in a moment. */
const PASSING = [408, 409, 423, 429, 500, 502, 503, 504]

const storedFile = z.object({ id: z.string(), sha256: z.string(), sizeBytes: z.number(), url: z.string() })
const refusal = z.object({ error: z.object({ message: z.string(), hint: z.string().optional() }) })

/** A file as the share shows it. */
export type StoredFile = z.infer<typeof storedFile>

/** How far an upload has come, and the file that it became when it was whole. */
export interface UploadState {
  offset: number
  fileId: string | null
}

export class TusClient {
  /** With a slash at the end. */
  readonly share: URL
  readonly #token: Secret
  readonly #signal: AbortSignal

  /** All calls end with the signal. @throws PUBLISH_FAILED when the URL is none. */
  constructor(share: string, token: Secret, signal: AbortSignal) {
    this.share = shareUrl(share)
    this.#token = token
    this.#signal = signal
  }

  /** Begins an upload of a file that the share keeps until `expires`. @returns where to send it. */
  async create(artifact: { path: string; sizeBytes: number }, expires: Date): Promise<URL> {
    const metadata = { filename: basename(artifact.path), expiration: expires.toISOString() }
    const pairs = Object.entries(metadata).map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    const headers = { ...TUS, 'upload-length': artifact.sizeBytes, 'upload-metadata': pairs.join(',') }
    const answer = await this.#ask('POST', this.#at('api/tus/'), { ...headers, 'content-length': 0 })
    const { location } = answer.headers
    if (answer.status !== HTTP.created || location === undefined) throw this.#refused(answer, artifact.path)
    return this.ownUrl(location)
  }

  /** Where an upload stands, or null when the share does not know it any more. */
  async find(upload: URL): Promise<UploadState | null> {
    const answer = await this.#ask('HEAD', upload, TUS)
    if (answer.status === HTTP.notFound || answer.status === HTTP.gone) return null
    if (answer.status !== HTTP.ok) throw this.#refused(answer, 'the upload')
    return this.#stateOf(answer)
  }

  /** Sends the part and waits until the share has it. */
  async append(upload: URL, part: FilePart): Promise<UploadState> {
    const headers = { ...TUS, 'upload-offset': part.start, 'content-type': 'application/offset+octet-stream' }
    const answer = await this.#ask('PATCH', upload, headers, part)
    if (answer.status !== HTTP.noContent) throw this.#refused(answer, part.path)
    return this.#stateOf(answer)
  }

  /** A file of the share, or null. */
  async file(id: string): Promise<StoredFile | null> {
    const answer = await this.#ask('GET', this.#at(`api/files/${encodeURIComponent(id)}`))
    if (answer.status === HTTP.notFound) return null
    if (answer.status !== HTTP.ok) throw this.#refused(answer, 'the file')
    const file = storedFile.safeParse(parseJson(answer.text))
    if (!file.success) throw this.#notAShare(answer)
    return file.data
  }

  /** Removes a file of the share. */
  async remove(id: string): Promise<void> {
    await this.#ask('DELETE', this.#at(`api/entry/${encodeURIComponent(id)}`))
  }

  /**
   * An address that the share gave, or that was written down.
   * @throws PUBLISH_FAILED when it is on another server: the token stays here.
   */
  ownUrl(given: string): URL {
    const base = this.#at('api/tus/')
    const url = URL.canParse(given, base.href) ? new URL(given, base) : null
    if (url?.origin === this.share.origin) return url
    throw new HoldfastError(
      'PUBLISH_FAILED',
      `the share at ${this.share.origin} sends the upload elsewhere: ${given}`,
      {
        hint: 'Behind a reverse proxy, the share has to pass on the address that its clients use.',
      },
    )
  }

  #at(path: string): URL {
    return new URL(path, this.share)
  }

  async #ask(method: string, url: URL, headers: object = {}, body?: FilePart): Promise<Answer> {
    const known = { accept: 'application/json', authorization: `Bearer ${this.#token.reveal()}`, ...headers }
    return await exchange({ method, url, headers: known, signal: this.#signal, ...(body && { body }) })
  }

  #stateOf(answer: Answer): UploadState {
    const offset = Number(answer.headers['upload-offset'])
    if (!Number.isSafeInteger(offset)) throw this.#notAShare(answer)
    const id = answer.headers['holdfast-file-id']
    return { offset, fileId: typeof id === 'string' ? id : null }
  }

  #refused(answer: Answer, what: string): HoldfastError {
    const { status } = answer
    const said = refusal.safeParse(parseJson(answer.text)).data?.error
    const reason = said ? `: ${said.message}` : ''
    const at = this.share.origin
    const fail = (message: string, hint?: string) =>
      new HoldfastError('PUBLISH_FAILED', message, { ...(hint !== undefined && { hint }), details: { status } })
    if (status === HTTP.tooLarge) {
      return fail(
        `${what} is too large for the share at ${at}${reason}`,
        'The share, or a proxy before it, has a limit.',
      )
    }
    if (status === HTTP_NO_SPACE) return fail(`the share at ${at} has no room for ${what}${reason}`, said?.hint)
    if (PASSING.includes(status)) {
      const message = `the share at ${at} does not take ${what} now (HTTP ${status})${reason}`
      return new HoldfastError('PUBLISH_FAILED', message, { retryable: true, details: { status } })
    }
    if (answer.headers['tus-resumable'] === undefined && said === undefined) return this.#notAShare(answer)
    if (status === HTTP.unauthorized) {
      const hint = "Make an API token on the share's settings page and put it into HOLDFAST_PUBLISH_TOKEN."
      return fail(`the share at ${at} does not know the API token in HOLDFAST_PUBLISH_TOKEN`, hint)
    }
    return fail(`the share at ${at} refused ${what} with HTTP ${status}${reason}`, said?.hint)
  }

  #notAShare({ status, headers, text }: Answer): HoldfastError {
    const found = [`HTTP ${status}`, headers.server, headers['content-type'], JSON.stringify(text.trim().slice(0, 80))]
    const seen = found.filter((fact) => fact !== undefined && fact !== '""').join(', ')
    return new HoldfastError(
      'PUBLISH_FAILED',
      `there is no Holdfast share at ${this.share.href}: it answered ${seen}`,
      {
        hint: 'Give the address of the share as its users open it, such as https://files.example.org.',
        details: { status },
      },
    )
  }
}

function shareUrl(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : null
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new HoldfastError('PUBLISH_FAILED', `${JSON.stringify(given)} is not an address of a share`, {
      hint: 'It begins with http:// or https://.',
    })
  }
  url.hash = ''
  url.search = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
