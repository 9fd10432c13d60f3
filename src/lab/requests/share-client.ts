/**
 * A client of any server that speaks PicoShare's API, Holdfast among them. What only Holdfast has (its list of files
 * with their hashes) is used where it answers, and done without elsewhere.
 */
import { createHash } from 'node:crypto'
import type { OutgoingHttpHeaders } from 'node:http'
import { z } from 'zod'
import { exchange, type Answer } from './exchange.ts'
import type { SeededFile } from './seeded-file.ts'
import { uploaders, type UploadWay } from './uploads.ts'
import { LabError } from '../errors.ts'

const listed = z.object({ files: z.array(z.object({ id: z.string(), filename: z.string(), sha256: z.string() })) })
const created = z.object({ id: z.string() })
const HTTP_OK = 200
const HTTP_BAD_REQUEST = 400
const HTTP_NOT_FOUND = 404

export interface Stored {
  /** Lower-case hex; null when the server does not know the file. */
  sha256: string | null
  /** Who hashed it: the server as it stored it, or this client from a download. */
  hashedBy: 'server' | 'download'
}

export class ShareClient {
  readonly #baseUrl: string
  readonly #headers: OutgoingHttpHeaders

  private constructor(baseUrl: string, headers: OutgoingHttpHeaders) {
    this.#baseUrl = baseUrl
    this.#headers = headers
  }

  /** @throws TARGET_UNAVAILABLE when the secret is refused. */
  static async logIn(baseUrl: string, secret: string, signal: AbortSignal): Promise<ShareClient> {
    const body = Buffer.from(JSON.stringify({ sharedSecretKey: secret }))
    const headers = { 'content-type': 'application/json', 'content-length': body.length }
    const answer = await exchange({ method: 'POST', url: `${baseUrl}/api/auth`, headers, body: [body], signal })
    const cookie = (answer.headers['set-cookie'] ?? []).map((line) => line.split(';')[0]).join('; ')
    if (answer.status !== HTTP_OK) {
      const why = secret === '' ? 'no secret was given' : `HTTP ${answer.status}`
      throw new LabError('TARGET_UNAVAILABLE', `${baseUrl} refused the login: ${why}`, {
        hint: 'For a server that runs already, give its shared secret in PS_SHARED_SECRET.',
      })
    }
    return new ShareClient(baseUrl, { cookie, accept: 'application/json' })
  }

  /** Sends the file; an answer that is not a success is returned like any other. */
  async upload(way: UploadWay, filename: string, file: SeededFile, signal: AbortSignal): Promise<Answer> {
    return await uploaders[way]({ baseUrl: this.#baseUrl, headers: this.#headers, filename, file, signal })
  }

  /** What the server has under the name that was just uploaded with this answer. */
  async stored(filename: string, answer: Answer, signal: AbortSignal): Promise<Stored> {
    const file = await this.#listed(filename, signal)
    if (file !== undefined) return { sha256: file?.sha256 ?? null, hashedBy: 'server' }
    const id = idIn(answer)
    return { sha256: id === null ? null : await this.#downloadedHash(id, signal), hashedBy: 'download' }
  }

  /** Removes what was uploaded under the name, if anything was. @param answer null when there was none. */
  async remove(filename: string, answer: Answer | null, signal: AbortSignal): Promise<void> {
    const id = (answer && idIn(answer)) ?? (await this.#listed(filename, signal))?.id
    if (id === undefined) return
    const url = `${this.#baseUrl}/api/entry/${id}`
    const { status } = await exchange({ method: 'DELETE', url, headers: this.#headers, signal })
    if (status >= HTTP_BAD_REQUEST && status !== HTTP_NOT_FOUND) throw new Error(`DELETE ${url}: HTTP ${status}`)
  }

  /** The file in the server's list: null when it is not there, undefined when the server has no such list. */
  async #listed(filename: string, signal: AbortSignal) {
    const url = `${this.#baseUrl}/api/files?search=${encodeURIComponent(filename)}`
    const list = await exchange({ method: 'GET', url, headers: this.#headers, signal })
    const known = listed.safeParse(parseJson(list.text))
    if (list.status !== HTTP_OK || !known.success) return undefined
    return known.data.files.find((candidate) => candidate.filename === filename) ?? null
  }

  async #downloadedHash(id: string, signal: AbortSignal): Promise<string | null> {
    const hash = createHash('sha256')
    const url = `${this.#baseUrl}/-${id}`
    const answer = await exchange({ method: 'GET', url, signal, onData: (data) => hash.update(data) })
    if (answer.status === HTTP_NOT_FOUND) return null
    return hash.digest('hex')
  }
}

function idIn({ text }: Answer): string | null {
  return created.safeParse(parseJson(text)).data?.id ?? null
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
