/** What is remembered of resumable uploads across restarts. The bytes are with the blob store. */
import type { Kysely, Selectable, Transaction } from 'kysely'
import { HoldfastError, type Clock } from '../../base/index.ts'
import type { Database } from '../../storage/index.ts'
import type { ResumableUploadsTable, ShareTables } from '../tables.ts'

export type ResumableRow = Selectable<ResumableUploadsTable>

export class ResumableRows {
  readonly #db: Kysely<ShareTables>
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#db = database.tables<ShareTables>()
    this.#clock = clock
  }

  /** @throws GUEST_LINK_INACTIVE when its guest link has been removed meanwhile. */
  async add(row: ResumableRow): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      if (row.guest_link_id !== null) await requireLink(transaction, row.guest_link_id)
      await transaction.insertInto('resumable_uploads').values(row).execute()
    })
  }

  /** The upload, finished or not, or null when there is none or its time is over. */
  async find(id: string): Promise<ResumableRow | null> {
    const row = await this.#db
      .selectFrom('resumable_uploads')
      .selectAll()
      .where('id', '=', id)
      .where('expires_at', '>', this.#clock.now())
      .executeTakeFirst()
    return row ?? null
  }

  /** Whether there is such a row, its time over or not. */
  async exists(id: string): Promise<boolean> {
    const row = await this.#db.selectFrom('resumable_uploads').select('id').where('id', '=', id).executeTakeFirst()
    return row !== undefined
  }

  /** Does nothing where the upload is gone meanwhile. */
  async change(id: string, change: Pick<ResumableRow, 'offset_bytes' | 'expires_at'>): Promise<void> {
    await this.#db.updateTable('resumable_uploads').set(change).where('id', '=', id).execute()
  }

  /** Part of the transaction that writes the file's row: there is no moment with both, or with neither. */
  async complete(transaction: Transaction<ShareTables>, row: ResumableRow, fileId: string): Promise<void> {
    await transaction
      .updateTable('resumable_uploads')
      .set({ offset_bytes: row.length_bytes, expires_at: row.expires_at, file_id: fileId })
      .where('id', '=', row.id)
      .execute()
  }

  /** Absent is no error. */
  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom('resumable_uploads').where('id', '=', id).execute()
  }

  /**
   * Those whose time has been over for `quarantineMs` of uptime, finished ones included; asked on each sweep. A clock that was
   * wrong meanwhile, and is right again, ends the wait.
   */
  async overdue(uptimeMs: number, quarantineMs: number): Promise<ResumableRow[]> {
    const now = this.#clock.now()
    const all = this.#db.updateTable('resumable_uploads')
    await all.set({ hidden_since: null }).where('hidden_since', 'is not', null).where('expires_at', '>', now).execute()
    await all.set({ hidden_since: uptimeMs }).where('hidden_since', 'is', null).where('expires_at', '<=', now).execute()
    return await this.#db
      .selectFrom('resumable_uploads')
      .selectAll()
      .where('hidden_since', '<=', uptimeMs - quarantineMs)
      .execute()
  }
}

async function requireLink(db: Kysely<ShareTables>, id: string): Promise<void> {
  const link = await db.selectFrom('guest_links').select('id').where('id', '=', id).executeTakeFirst()
  if (!link) throw new HoldfastError('GUEST_LINK_INACTIVE', 'the guest link has been removed')
}
