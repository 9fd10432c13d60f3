/** Who downloaded what. */
import type { Kysely } from 'kysely'
import type { Database } from '../storage/index.ts'
import type { DownloadsTable, ShareTables } from './tables.ts'

export type Download = Omit<DownloadsTable, 'file_id'>

export class DownloadLog {
  readonly #db: Kysely<ShareTables>

  constructor(database: Database) {
    this.#db = database.tables<ShareTables>()
  }

  /** The newest first. @param unique one entry for each address, its newest. */
  async list(fileId: string, limit: number, unique: boolean): Promise<{ downloads: Download[]; total: number }> {
    const ofFile = this.#db.selectFrom('downloads').where('file_id', '=', fileId)
    const { total } = await ofFile
      .select(({ fn }) => (unique ? fn.count<number>('client_ip').distinct() : fn.countAll<number>()).as('total'))
      .executeTakeFirstOrThrow()
    const entries = unique ? ofFile.select(({ fn }) => fn.max('at').as('at')).groupBy('client_ip') : ofFile.select('at')
    const downloads = await entries
      // SQLite takes the other columns from the row that has the maximum.
      .select(['client_ip', 'user_agent'])
      .orderBy('at', 'desc')
      .limit(limit)
      .execute()
    return { downloads, total }
  }
}
