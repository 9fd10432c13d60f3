/**
 * Stored bytes that belong to no file: an older database, or none, may have replaced the database that knows
 * them. A crash leaves such bytes too, of one upload or deletion at most. They wait in quarantine, by uptime.
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
  'stored bytes belong to no file: kept in uploads/ while the server runs for 7 days. If an older database was put back, stop the server and put the newest one in its place'

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

  /**
   * Puts blobs without a row into quarantine, takes back blobs that have one again. @returns how many were removed in
   * the end.
   */
  async sweep(): Promise<number> {
    const { blobs, files } = this.#deps
    let removed = 0
    for await (const { key } of blobs.quarantined()) {
      if (await files.hasBlob(key)) await blobs.release(key)
      else if (await this.#isOverdue(key)) {
        await blobs.delete(key)
        removed += 1
      } else continue
      await this.#db.deleteFrom('orphaned_blobs').where('blob_key', '=', key).execute()
    }
    await this.#find()
    return removed
  }

  async #find(): Promise<void> {
    const { blobs, files, uploads, log } = this.#deps
    let found = 0
    for await (const { key } of blobs.list()) {
      // In this order: an upload that ends between the two questions has its row by the second.
      if (uploads.isInFlight(key) || (await files.hasBlob(key))) continue
      try {
        await blobs.quarantine(key)
        found += 1
      } catch (error) {
        // What cannot be moved must not keep the others.
        log.error({ err: error }, 'stored bytes that belong to no file cannot be put aside')
      }
    }
    if (found > 0) log.warn({ blobs: found }, FOUND)
  }

  /** The quarantine begins when this database first hears of the blob: another database has another uptime. */
  async #isOverdue(key: string): Promise<boolean> {
    const uptime = await this.#deps.uptime.now()
    await this.#db
      .insertInto('orphaned_blobs')
      .values({ blob_key: key, since: uptime })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const row = await this.#db
      .selectFrom('orphaned_blobs')
      .select('since')
      .where('blob_key', '=', key)
      .executeTakeFirst()
    return uptime - (row?.since ?? uptime) >= QUARANTINE_MS
  }
}
