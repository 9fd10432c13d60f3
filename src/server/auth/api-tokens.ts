/** Tokens for scripts: shown once when made; only their hash is kept. */
import { createHash } from 'node:crypto'
import type { Kysely, Selectable } from 'kysely'
import { HoldfastError, randomId, randomSecret, type Clock } from '../../base/index.ts'
import type { Database } from '../../storage/index.ts'
import type { AuthTables } from './tables.ts'

/** A prefix by which secret scanners and people recognise one. */
const PREFIX = 'hf_'
/** A token's last use is noted no more often than this, so that a busy script does not write all the time. */
const NOTE_USE_EVERY_MS = 60_000

export type ApiToken = Omit<Selectable<AuthTables['api_tokens']>, 'token_hash'>

export class ApiTokens {
  readonly #db: Kysely<AuthTables>
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#db = database.tables<AuthTables>()
    this.#clock = clock
  }

  /** Newest first. */
  async list(): Promise<ApiToken[]> {
    const columns = ['id', 'name', 'created_at', 'last_used_at'] as const
    return await this.#db.selectFrom('api_tokens').select(columns).orderBy('created_at', 'desc').execute()
  }

  /** @returns the id, and the token that cannot be shown again. */
  async create(name: string): Promise<{ id: string; token: string }> {
    const token = PREFIX + randomSecret()
    const id = randomId(10)
    const row = { id, name, token_hash: hash(token), created_at: this.#clock.now(), last_used_at: null }
    await this.#db.insertInto('api_tokens').values(row).execute()
    return { id, token }
  }

  /** Absent is no error. */
  async revoke(id: string): Promise<void> {
    await this.#db.deleteFrom('api_tokens').where('id', '=', id).execute()
  }

  async isValid(token: string): Promise<boolean> {
    const found = await this.#db
      .selectFrom('api_tokens')
      .select(['id', 'last_used_at'])
      .where('token_hash', '=', hash(token))
      .executeTakeFirst()
    if (!found) return false
    const now = this.#clock.now()
    if (now - (found.last_used_at ?? 0) > NOTE_USE_EVERY_MS) {
      const noted = this.#db.updateTable('api_tokens').set({ last_used_at: now }).where('id', '=', found.id).execute()
      // A courtesy: on a full disk it must not keep anybody out.
      await noted.catch((error: unknown) => {
        if (!(error instanceof HoldfastError && error.code === 'NO_SPACE')) throw error
      })
    }
    return true
  }
}

/** A token has 256 random bits: a plain hash of it cannot be searched. */
function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
