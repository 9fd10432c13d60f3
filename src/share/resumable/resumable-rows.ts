/** The memory of resumable uploads across restarts. The bytes are with the blob store. */
import type { Kysely, Selectable, Transaction } from 'kysely'
import { HoldfastError, type Clock } from '../../base/index.ts'
import type { Database } from '../../storage/index.ts'
import type { ResumableUploadsTable, ShareTables } from '../tables.ts'
import { pendingBytes, requireRoom } from './guest-room.ts'
import { ShareError } from '../errors.ts'

export type ResumableRow = Selectable<ResumableUploadsTable>

export class ResumableRows {
  readonly #db: Kysely<ShareTables>
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#db = database.tables<ShareTables>()
    this.#clock = clock
  }

  /**
   * @throws TOO_MANY_UPLOADS when its guest link has no room for it; GUEST_LINK_INACTIVE when that is used up or gone.
   */
  async add(row: ResumableRow): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await requireRoom(transaction, row, this.#clock.now())
      await transaction.insertInto('resumable_uploads').values(row).execute()
    })
  }

  /** Whether `add` would take the upload, asked before anything is done for it. @throws as `add`. */
  async requireRoom(upload: Parameters<typeof requireRoom>[1]): Promise<void> {
    await requireRoom(this.#db, upload, this.#clock.now())
  }

  /** Bytes that unfinished uploads of everybody have announced and not sent yet. */
  async pendingBytes(): Promise<number> {
    return await pendingBytes(this.#db, this.#clock.now())
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
  async change(
    id: string,
    change: Partial<Pick<ResumableRow, 'offset_bytes' | 'length_bytes' | 'expires_at'>>,
  ): Promise<void> {
    await this.#db.updateTable('resumable_uploads').set(change).where('id', '=', id).execute()
  }

  /** Part of the transaction that writes the file's row: there is no moment with both, or with neither. */
  async complete(transaction: Transaction<ShareTables>, row: ResumableRow, fileId: string): Promise<void> {
    await transaction
      .updateTable('resumable_uploads')
      .set({
        offset_bytes: row.offset_bytes,
        length_bytes: row.offset_bytes,
        expires_at: row.expires_at,
        file_id: fileId,
      })
      .where('id', '=', row.id)
      .execute()
    await transaction
      .updateTable('resumable_uploads')
      .set({ blob_key: row.blob_key, expires_at: row.expires_at, file_id: fileId })
      .where('final_id', '=', row.id)
      .execute()
  }

  /**
   * Adds a final upload and makes its parts belong to it, or neither.
   * @throws CONFLICT when a part is gone or belongs to another; as `add`.
   */
  async addFinal(row: ResumableRow, parts: readonly string[]): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await requireRoom(transaction, row, this.#clock.now())
      await transaction.insertInto('resumable_uploads').values(row).execute()
      const { numUpdatedRows } = await transaction
        .updateTable('resumable_uploads')
        .set({ final_id: row.id })
        .where('id', 'in', parts)
        .where('final_id', 'is', null)
        .executeTakeFirstOrThrow()
      if (numUpdatedRows === BigInt(parts.length)) return
      throw new ShareError('CONFLICT', 'a partial upload has been used or given up meanwhile')
    })
  }

  /**
   * Notes that a part's bytes are durable behind the bytes of its final upload, `offsetBytes` in all: its own are not
   * needed.
   */
  async noteJoined(part: ResumableRow, final: ResumableRow, offsetBytes: number): Promise<void> {
    await this.#db.transaction().execute(async (transaction) => {
      await transaction
        .updateTable('resumable_uploads')
        .set({ offset_bytes: offsetBytes, expires_at: final.expires_at })
        .where('id', '=', final.id)
        .execute()
      await transaction
        .updateTable('resumable_uploads')
        .set({ blob_key: final.blob_key })
        .where('id', '=', part.id)
        .execute()
    })
  }

  /** Absent is not an error. */
  async remove(id: string): Promise<void> {
    await this.#db.deleteFrom('resumable_uploads').where('id', '=', id).execute()
  }

  /** Uploads of a guest link that never got a byte and expire by a time, the oldest first. */
  async neverBegun(guestLinkId: string, expiresBy: number): Promise<ResumableRow[]> {
    return await this.#db
      .selectFrom('resumable_uploads')
      .selectAll()
      .where('guest_link_id', '=', guestLinkId)
      .where('file_id', 'is', null)
      .where('final_id', 'is', null)
      .where('offset_bytes', '=', 0)
      .where((where) => where.or([where('length_bytes', 'is', null), where('length_bytes', '>', 0)]))
      .where('expires_at', '<=', expiresBy)
      .orderBy('expires_at')
      .execute()
  }

  /**
   * Those whose time has been over for `quarantineMs` of uptime, finished ones included; asked on each sweep. A clock
   * that was wrong meanwhile, and is right again, ends the wait.
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
      // Parts of an unfinished final upload go with that.
      .where((where) => where.or([where('final_id', 'is', null), where('file_id', 'is not', null)]))
      .execute()
  }
}

export function noSuchUpload(id: string): HoldfastError {
  return new ShareError(
    'NOT_FOUND',
    `there is no upload ${JSON.stringify(id.slice(0, 40))}; it may have expired or been given up`,
  )
}

/**
 * Whether all bytes are there; a file is made in the same moment, so that only parts and empty files rest in this
 * state.
 */
export function isWhole(row: Pick<ResumableRow, 'offset_bytes' | 'length_bytes'>): boolean {
  return row.offset_bytes === row.length_bytes
}
