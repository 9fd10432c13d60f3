/**
 * Logins: a random token in a cookie, its keyed hash in the database. A session ends by the clock or by uptime,
 * whichever comes first: a session that began while the clock was ahead would otherwise last until then.
 */
import { createHmac } from 'node:crypto'
import type { Kysely, Selectable } from 'kysely'
import { randomId, randomSecret, type Clock, type Secret } from '../../base/index.ts'
import type { Uptime } from '../../share/index.ts'
import type { Database } from '../../storage/index.ts'
import { noteUse } from './last-use.ts'
import type { AuthTables } from './tables.ts'

export const SESSION_MS = 30 * 86_400_000
/** The oldest beyond these are forgotten at the next login. */
const MAX_SESSIONS = 1000

const ID_LENGTH = 10
const MAX_USER_AGENT_LENGTH = 500

export type Session = Omit<Selectable<AuthTables['sessions']>, 'token_hash' | 'began_uptime'>

export interface SessionsDependencies {
  database: Database
  /** The shared secret. It keys the hashes, so that a new secret ends all sessions of the old one. */
  secret: Secret
  clock: Clock
  uptime: Uptime
}

export class Sessions {
  readonly #db: Kysely<AuthTables>
  readonly #secret: Secret
  readonly #clock: Clock
  readonly #uptime: Uptime

  constructor({ database, secret, clock, uptime }: SessionsDependencies) {
    this.#db = database.tables<AuthTables>()
    this.#secret = secret
    this.#clock = clock
    this.#uptime = uptime
  }

  isSharedSecret(given: string): boolean {
    return this.#secret.equals(given)
  }

  /** @returns the token for the cookie. */
  async start(client: { ip: string; userAgent: string }): Promise<string> {
    const token = randomSecret()
    const now = this.#clock.now()
    await this.#forgetOldest()
    const began_uptime = await this.#uptime.now()
    const times = { created_at: now, last_used_at: now, expires_at: now + SESSION_MS, began_uptime }
    const seen = { client_ip: client.ip, user_agent: client.userAgent.slice(0, MAX_USER_AGENT_LENGTH) }
    const row = { id: randomId(ID_LENGTH), token_hash: this.#hash(token), ...times, ...seen }
    await this.#db.insertInto('sessions').values(row).execute()
    return token
  }

  /** The id of the session that has this token, or null. */
  async find(token: string): Promise<string | null> {
    const row = await this.#db
      .selectFrom('sessions')
      .select(['id', 'expires_at', 'last_used_at', 'began_uptime'])
      .where('token_hash', '=', this.#hash(token))
      .executeTakeFirst()
    if (!row || (await this.#leftMs(row)) <= 0) return null
    const now = this.#clock.now()
    const used = { last_used_at: now, began_uptime: row.began_uptime ?? (await this.#uptime.now()) }
    await noteUse(row.last_used_at, now, async () =>
      this.#db.updateTable('sessions').set(used).where('id', '=', row.id).execute(),
    )
    return row.id
  }

  /** Valid sessions, the last used first. */
  async list(): Promise<Session[]> {
    const rows = await this.#db
      .selectFrom('sessions')
      .select(['id', 'created_at', 'last_used_at', 'expires_at', 'client_ip', 'user_agent', 'began_uptime'])
      .orderBy('last_used_at', 'desc')
      .execute()
    const now = this.#clock.now()
    for (const row of rows) row.expires_at = now + (await this.#leftMs(row))
    return rows.filter((row) => row.expires_at > now)
  }

  /** Absent is not an error. */
  async end(id: string): Promise<void> {
    await this.#db.deleteFrom('sessions').where('id', '=', id).execute()
  }

  /** @param id the session that goes on, or null for none. */
  async endOthers(id: string | null): Promise<void> {
    await this.#db
      .deleteFrom('sessions')
      .where('id', '!=', id ?? '')
      .execute()
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

  async #leftMs(row: Pick<AuthTables['sessions'], 'expires_at' | 'began_uptime'>): Promise<number> {
    const uptime = await this.#uptime.now()
    const leftByUptime = (row.began_uptime ?? uptime) + SESSION_MS - uptime
    return Math.min(row.expires_at - this.#clock.now(), leftByUptime)
  }

  #hash(token: string): string {
    return createHmac('sha256', this.#secret.reveal()).update(token).digest('base64url')
  }
}
