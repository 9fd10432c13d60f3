/**
 * How long the server has run in all, across restarts. Irreversible steps wait by it and never by the wall clock,
 * which may be years wrong.
 */
import type { Kysely } from 'kysely'
import type { Database } from '../storage/index.ts'
import type { ShareTables } from './tables.ts'

const ROW_ID = 1

export class Uptime {
  readonly #db: Kysely<ShareTables>
  #earlierMs: Promise<number> | null = null

  constructor(database: Database) {
    this.#db = database.tables<ShareTables>()
  }

  /** Milliseconds since the first start. Never goes back by more than was not saved before a crash. */
  async now(): Promise<number> {
    this.#earlierMs ??= this.#load().catch((error: unknown) => {
      this.#earlierMs = null
      throw error
    })
    return Math.floor((await this.#earlierMs) + performance.now())
  }

  /** Remembers the uptime for the next start. After a crash the time since the last call does not count. */
  async save(): Promise<void> {
    const ms = await this.now()
    await this.#db
      .insertInto('share_uptime')
      .values({ id: ROW_ID, ms })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ ms }))
      .execute()
  }

  async #load(): Promise<number> {
    const row = await this.#db.selectFrom('share_uptime').select('ms').where('id', '=', ROW_ID).executeTakeFirst()
    return row?.ms ?? 0
  }
}
