/// <reference types="@fastify/cookie" />
/** Files with a passphrase: who has given it gets a cookie for that file, signed with a key that lives as long as the process. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { AttemptThrottle, HoldfastError, type Clock } from '../base/index.ts'
import type { FileRow } from './files.ts'
import { isPassphrase } from './passphrase.ts'

/** Long enough for a big file to be resumed. */
const UNLOCKED_MS = 12 * 3_600_000

export class Unlocking {
  readonly #key = randomBytes(32)
  readonly #clock: Clock
  readonly #throttle: AttemptThrottle

  constructor(clock: Clock) {
    this.#clock = clock
    this.#throttle = new AttemptThrottle(clock)
  }

  isUnlocked(file: FileRow, request: FastifyRequest): boolean {
    const [until = '', signature = ''] = request.cookies[cookieName(file)]?.split('.') ?? []
    const given = Buffer.from(signature, 'base64url')
    const expected = this.#sign(file, until)
    return Number(until) > this.#clock.now() && given.length === expected.length && timingSafeEqual(given, expected)
  }

  /** Sets the cookie. @throws WRONG_SECRET, TOO_MANY_ATTEMPTS */
  async unlock(file: FileRow, passphrase: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    this.#throttle.attempt(request.ip)
    if (!(await isPassphrase(passphrase, file.passphrase_hash ?? ''))) {
      throw new HoldfastError('WRONG_SECRET', 'that is not the passphrase of this file')
    }
    this.#throttle.succeeded(request.ip)
    const until = String(this.#clock.now() + UNLOCKED_MS)
    reply.setCookie(cookieName(file), `${until}.${this.#sign(file, until).toString('base64url')}`, {
      path: `/-${file.id}`,
      maxAge: UNLOCKED_MS / 1000,
      httpOnly: true,
      sameSite: 'lax',
      secure: request.baseUrl.startsWith('https:'),
    })
  }

  #sign(file: FileRow, until: string): Buffer {
    // The hash is in it so that a changed passphrase ends what the old one opened.
    return createHmac('sha256', this.#key).update(`${file.id} ${file.passphrase_hash} ${until}`).digest()
  }
}

function cookieName(file: FileRow): string {
  return `unlock-${file.id}`
}
