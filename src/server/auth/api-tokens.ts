/** Tokens for scripts: shown once when made; only their hash is kept. */
import { createHash } from 'node:crypto'
import type { Kysely, Selectable } from 'kysely'
import { randomId, randomSecret, type Clock } from '../../base/index.ts'
import type { Database } from '../../storage/index.ts'
import { noteUse } from './last-use.ts'
import { parseScopes, type Scope } from './scopes.ts'
import type { AuthTables } from './tables.ts'

/** A prefix by which secret scanners and people recognise one. */
const PREFIX = 'hf_'

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
    const columns = ['id', 'name', 'scopes', 'created_at', 'expires_at', 'last_used_at'] as const
    return await this.#db.selectFrom('api_tokens').select(columns).orderBy('created_at', 'desc').execute()
  }

  /** @returns the id, and the token that cannot be shown again. */
  async create(
    name: string,
    { scopes, expiresAt }: { scopes: readonly Scope[]; expiresAt: number | null },
  ): Promise<{ id: string; token: string }> {
    const token = PREFIX + randomSecret()
    const id = randomId(10)
    const times = { created_at: this.#clock.now(), expires_at: expiresAt, last_used_at: null }
    const row = { id, name, token_hash: hash(token), scopes: scopes.join(' '), ...times }
    await this.#db.insertInto('api_tokens').values(row).execute()
    return { id, token }
  }

  /** Absent is not an error. */
  async revoke(id: string): Promise<void> {
    await this.#db.deleteFrom('api_tokens').where('id', '=', id).execute()
  }

  /** What the token may do, or null when it is unknown, revoked or expired. */
  async scopesOf(token: string): Promise<Scope[] | null> {
    const found = await this.#db
      .selectFrom('api_tokens')
      .select(['id', 'scopes', 'expires_at', 'last_used_at'])
      .where('token_hash', '=', hash(token))
      .executeTakeFirst()
    const now = this.#clock.now()
    if (!found || (found.expires_at !== null && found.expires_at <= now)) return null
    await noteUse(found.last_used_at, now, async () =>
      this.#db.updateTable('api_tokens').set({ last_used_at: now }).where('id', '=', found.id).execute(),
    )
    return parseScopes(found.scopes)
  }
}

/** A token has 256 random bits: a plain hash of it cannot be searched. */
function hash(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}
