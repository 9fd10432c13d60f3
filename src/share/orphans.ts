/**
 * Stored bytes that belong to no file: an older database, or none, may have replaced the database that knows
 * them. A crash leaves such bytes too, of one upload or deletion at most. They stay where they are for some days of
 * uptime, so that the right database can still be put back.
 */
import type { Kysely } from 'kysely'
import type { Log } from '../base/index.ts'
import type { BlobStore, Database } from '../storage/index.ts'
import type { Files } from './files.ts'
import type { ShareTables } from './tables.ts'
import type { Uploads } from './uploads.ts'
import type { Uptime } from './uptime.ts'

/** Of uptime. */
const QUARANTINE_MS = 7 * 24 * 3600 * 1000
const FOUND =
  'stored bytes belong to no file: kept while the server runs for 7 days. If an older database was put back, stop the server and put the newest one in its place'

export interface OrphansDependencies {
  database: Database
  blobs: BlobStore
  files: Files
  uploads: Uploads
  uptime: Uptime
  log: Log
}

export class Orphans {
  readonly #deps: OrphansDependencies
  readonly #db: Kysely<ShareTables>

  constructor(deps: OrphansDependencies) {
    this.#deps = deps
    this.#db = deps.database.tables<ShareTables>()
  }

  /** Notes blobs without a file, and removes blobs whose quarantine is over. @returns the number that it removed. */
  async sweep(): Promise<number> {
    const { blobs, files, uploads, uptime, log } = this.#deps
    const now = await uptime.now()
    let found = 0
    let removed = 0
    for await (const { key } of blobs.list()) {
      // In this order: an upload that ends between the two questions has its row by the second.
      if (uploads.isInFlight(key) || (await files.hasBlob(key))) continue
      const since = await this.#since(key)
      if (since === null) {
        await this.#db.insertInto('orphaned_blobs').values({ blob_key: key, since: now }).execute()
        found += 1
      } else if (now - since >= QUARANTINE_MS) {
        removed += (await this.#remove(key)) ? 1 : 0
      }
    }
    await this.#forget()
    if (found > 0) log.warn({ blobs: found }, FOUND)
    return removed
  }

  /** A blob that cannot be removed must not keep the others. @returns whether it was removed. */
  async #remove(key: string): Promise<boolean> {
    try {
      await this.#deps.blobs.delete(key)
      return true
    } catch (error) {
      this.#deps.log.error({ err: error }, 'stored bytes that belong to no file cannot be removed')
      return false
    }
  }

  /** The uptime at which this database first saw the blob without a file: another database has another uptime. */
  async #since(key: string): Promise<number | null> {
    const row = await this.#db
      .selectFrom('orphaned_blobs')
      .select('since')
      .where('blob_key', '=', key)
      .executeTakeFirst()
    return row?.since ?? null
  }

  /** A blob that has a file again, or that is gone, begins anew if it is found once more. */
  async #forget(): Promise<void> {
    const { blobs, files } = this.#deps
    for (let last = ''; ;) {
      const rows = await this.#db
        .selectFrom('orphaned_blobs')
        .select('blob_key')
        .where('blob_key', '>', last)
        .orderBy('blob_key')
        .limit(500)
        .execute()
      for (const { blob_key: key } of rows) {
        if ((await blobs.stat(key)) && !(await files.hasBlob(key))) continue
        await this.#db.deleteFrom('orphaned_blobs').where('blob_key', '=', key).execute()
      }
      const end = rows.at(-1)
      if (!end) return
      last = end.blob_key
    }
  }
}
