/** Logins: a random token in a cookie, its keyed hash in the database. */
import { createHmac } from 'node:crypto'
import type { Kysely } from 'kysely'
import { randomSecret, type Clock, type Secret } from '../../base/index.ts'
import type { Database } from '../../storage/index.ts'
import type { AuthTables } from './tables.ts'

export const SESSION_MS = 30 * 86_400_000
/** The oldest beyond these are forgotten at the next login. */
const MAX_SESSIONS = 1000

export class Sessions {
  readonly #db: Kysely<AuthTables>
  readonly #secret: Secret
  readonly #clock: Clock

  /** @param secret the shared secret. It keys the hashes, so that a new secret ends all sessions of the old one. */
  constructor(database: Database, secret: Secret, clock: Clock) {
    this.#db = database.tables<AuthTables>()
    this.#secret = secret
    this.#clock = clock
  }

  isSharedSecret(given: string): boolean {
    return this.#secret.equals(given)
  }

  /** @returns the token for the cookie. */
  async start(): Promise<string> {
    const token = randomSecret()
    const now = this.#clock.now()
    await this.#forgetOldest()
    await this.#db
      .insertInto('sessions')
      .values({ token_hash: this.#hash(token), expires_at: now + SESSION_MS })
      .execute()
    return token
  }

  async isValid(token: string): Promise<boolean> {
    const row = await this.#db
      .selectFrom('sessions')
      .select('expires_at')
      .where('token_hash', '=', this.#hash(token))
      .executeTakeFirst()
    return row !== undefined && row.expires_at > this.#clock.now()
  }

  async end(token: string): Promise<void> {
    await this.#db.deleteFrom('sessions').where('token_hash', '=', this.#hash(token)).execute()
  }

  /** By number, not by age: a clock that is ahead for a moment must not end all sessions for good. */
  async #forgetOldest(): Promise<void> {
    const newest = this.#db
      .selectFrom('sessions')
      .select('token_hash')
      .orderBy('expires_at', 'desc')
      .limit(MAX_SESSIONS)
    await this.#db.deleteFrom('sessions').where('token_hash', 'not in', newest).execute()
  }

  #hash(token: string): string {
    return createHmac('sha256', this.#secret.reveal()).update(token).digest('base64url')
  }
}
