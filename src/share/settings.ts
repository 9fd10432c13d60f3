/** The owner's choices that are made on the settings page. */
import type { Kysely } from 'kysely'
import type { Database } from '../storage/index.ts'
import type { ShareTables } from './tables.ts'

export interface ShareSettings {
  /** 1-3650; what the upload page offers first. */
  defaultExpirationDays: number
  defaultNeverExpire: boolean
}

const DEFAULT_SETTINGS: ShareSettings = { defaultExpirationDays: 30, defaultNeverExpire: false }

const ROW_ID = 1

export class Settings {
  readonly #db: Kysely<ShareTables>

  constructor(database: Database) {
    this.#db = database.tables<ShareTables>()
  }

  async load(): Promise<ShareSettings> {
    const row = await this.#db.selectFrom('share_settings').selectAll().where('id', '=', ROW_ID).executeTakeFirst()
    if (!row) return DEFAULT_SETTINGS
    return { defaultExpirationDays: row.default_expiration_days, defaultNeverExpire: row.default_never_expire === 1 }
  }

  async save(settings: ShareSettings): Promise<void> {
    const row = {
      default_expiration_days: settings.defaultExpirationDays,
      default_never_expire: settings.defaultNeverExpire ? 1 : 0,
    }
    await this.#db
      .insertInto('share_settings')
      .values({ id: ROW_ID, ...row })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
      .execute()
  }
}
