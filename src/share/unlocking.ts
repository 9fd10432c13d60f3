/**
 * Files with a passphrase: guesses, slowed down for each file and address, and what a right one opens. Browsers get a
 * signed cookie of that file alone; programs send the passphrase with each request.
 */
import { isUtf8 } from 'node:buffer'
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AttemptThrottle, type Clock } from '../base/index.ts'
import type { Database } from '../storage/index.ts'
import { parsePercentEncoded } from './fields.ts'
import type { FileRow } from './files.ts'
import { isPassphrase } from './passphrase.ts'
import { shareKey } from './share-keys.ts'
import { ShareError } from './errors.ts'

/** Long enough for a big file to be resumed. */
const UNLOCKED_MS = 12 * 3_600_000
export const PASSPHRASE_HEADER = 'x-download-passphrase'

export class Unlocking {
  readonly #database: Database
  readonly #clock: Clock
  readonly #throttle: AttemptThrottle
  #key: Promise<Buffer> | null = null

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
    this.#throttle = new AttemptThrottle(clock)
  }

  /**
   * Whether the request may have the file: by its cookie, by `Authorization: Basic` with the passphrase as the password
   * and any user name, or by `X-Download-Passphrase`, percent-encoded.
   * @throws WRONG_SECRET for a wrong passphrase, TOO_MANY_ATTEMPTS
   */
  async isUnlocked(file: FileRow, request: FastifyRequest): Promise<boolean> {
    const given = givenPassphrase(request)
    if (given === null) return await this.#hasCookie(file, request)
    await this.#try(file, given, request)
    return true
  }

  /** Sets the cookie. @throws WRONG_SECRET, TOO_MANY_ATTEMPTS */
  async unlock(file: FileRow, passphrase: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await this.#try(file, passphrase, request)
    const until = String(this.#clock.now() + UNLOCKED_MS)
    const signature = await this.#sign(file, until)
    reply.setCookie(cookieName(file), `${until}.${signature.toString('base64url')}`, {
      path: `${request.basePath}/-${file.id}`,
      maxAge: UNLOCKED_MS / 1000,
      httpOnly: true,
      sameSite: 'lax',
      secure: request.baseUrl.startsWith('https:'),
    })
  }

  async #try(file: FileRow, passphrase: string, request: FastifyRequest): Promise<void> {
    this.#throttle.attempt(request.ip, file.id)
    if (!(await isPassphrase(passphrase, file.passphrase_hash ?? ''))) {
      throw new ShareError('WRONG_SECRET', 'that is not the passphrase of this file')
    }
    this.#throttle.succeeded(request.ip, file.id)
  }

  async #hasCookie(file: FileRow, request: FastifyRequest): Promise<boolean> {
    const [until = '', signature = ''] = request.cookies[cookieName(file)]?.split('.') ?? []
    if (!(Number(until) > this.#clock.now())) return false
    const given = Buffer.from(signature, 'base64url')
    const expected = await this.#sign(file, until)
    return given.length === expected.length && timingSafeEqual(given, expected)
  }

  async #sign(file: FileRow, until: string): Promise<Buffer> {
    this.#key ??= shareKey(this.#database, 'unlock')
    // The hash is in it so that a changed passphrase ends what the old one opened.
    return createHmac('sha256', await this.#key)
      .update(`${file.id} ${file.passphrase_hash} ${until}`)
      .digest()
  }
}

function givenPassphrase(request: FastifyRequest): string | null {
  const header = request.headers[PASSPHRASE_HEADER]
  if (header !== undefined) return parsePercentEncoded(PASSPHRASE_HEADER, String(header))
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(request.headers.authorization ?? '') ?? []
  if (encoded === undefined) return null
  // RFC 7617: the password is what follows the first colon.
  const bytes = Buffer.from(encoded, 'base64')
  // Programs that do not read the charset of the challenge, such as Python's requests, send Latin-1.
  const credentials = bytes.toString(isUtf8(bytes) ? 'utf8' : 'latin1')
  return credentials.slice(credentials.indexOf(':') + 1)
}

function cookieName(file: FileRow): string {
  return `unlock-${file.id}`
}
