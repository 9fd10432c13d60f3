/**
 * The trash: files that were deleted or have expired. They are hidden at once; their bytes go after a quarantine that
 * is counted in uptime, or when an upload needs the room. A file that had expired only by a wrong clock comes back by
 * itself.
 */
import { sql, type DeleteQueryBuilder, type DeleteResult, type Kysely } from 'kysely'
import { Gauge, type Clock, type Metrics } from '../base/index.ts'
import type { BlobStore, Database } from '../storage/index.ts'
import { sums, type FileRow, type FileSums, type ListedFile } from './files.ts'
import type { ShareTables } from './tables.ts'
import type { Uptime } from './uptime.ts'

/** A clock that was wrong at the start is right by then: until then room is not made of files that merely expired. */
const CLOCK_SETTLES_MS = 15 * 60_000
/** There was no Holdfast before: clocks without a battery begin in 1970. */
const FIRST_POSSIBLE = Date.UTC(2010, 0, 1)
const PAGE = 100

export interface TrashedFile extends ListedFile {
  /** Milliseconds since 1970. */
  deletedAt: number
  reason: 'deleted' | 'expired'
  purgeInMs: number
}

export interface TrashDependencies {
  database: Database
  blobs: BlobStore
  clock: Clock
  uptime: Uptime
  metrics: Metrics
  /** How long a file stays in the trash, ms of uptime. */
  keepMs: number
}

export class Trash {
  readonly #deps: TrashDependencies
  readonly #db: Kysely<ShareTables>

  constructor(deps: TrashDependencies) {
    this.#deps = deps
    this.#db = deps.database.tables<ShareTables>()
    this.#measure(deps.metrics)
  }

  /** Hides a file. Absent, or hidden already, is not an error. */
  async put(id: string): Promise<void> {
    await this.#db
      .updateTable('files')
      .set({ deleted_at: this.#deps.clock.now(), hidden_since: await this.#deps.uptime.now() })
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .execute()
  }

  /** Removes a file for good, from the trash or not. Absent is not an error. */
  async purge(id: string): Promise<void> {
    await this.#finish(this.#db.deleteFrom('files').where('id', '=', id))
  }

  /** The file, or null when it is not in the trash. */
  async find(id: string): Promise<FileRow | null> {
    return (await this.#hidden().where('files.id', '=', id).executeTakeFirst()) ?? null
  }

  /**
   * Shows a file again. @param expiresAt its new expiration; undefined keeps the one it has. @returns false when it is
   * gone.
   */
  async restore(id: string, expiresAt: number | null | undefined): Promise<boolean> {
    const shown = { deleted_at: null, hidden_since: null, ...(expiresAt !== undefined && { expires_at: expiresAt }) }
    const result = await this.#db.updateTable('files').set(shown).where('id', '=', id).executeTakeFirst()
    return result.numUpdatedRows > 0n
  }

  /** The last hidden first. */
  async list(limit: number, offset: number): Promise<TrashedFile[]> {
    const rows = await this.#hidden()
      .leftJoin('guest_links', 'guest_links.id', 'files.guest_link_id')
      .select('guest_links.label as guest_link_label')
      .orderBy('files.hidden_since', 'desc')
      .orderBy('files.id')
      .limit(limit)
      .offset(offset)
      .execute()
    const uptime = await this.#deps.uptime.now()
    return rows.map((row) =>
      Object.assign(row, {
        deletedAt: row.deleted_at ?? row.expires_at ?? this.#deps.clock.now(),
        reason: row.deleted_at === null ? ('expired' as const) : ('deleted' as const),
        purgeInMs: Math.max(0, (row.hidden_since ?? uptime) + this.#deps.keepMs - uptime),
      }),
    )
  }

  async totals(): Promise<FileSums> {
    return await sums(this.#hidden())
  }

  /** Bytes that can be had at once for an upload. */
  async removableBytes(): Promise<number> {
    return (await sums(await this.#removable())).totalBytes
  }

  /**
   * Removes the file that room is made of first: deleted files, then expired ones, the oldest first. @returns
   * whether there was one.
   */
  async removeOldest(): Promise<boolean> {
    const oldest = await (
      await this.#removable()
    )
      .orderBy((order) => order('files.deleted_at', 'is', null))
      .orderBy('files.hidden_since')
      .limit(1)
      .executeTakeFirst()
    if (!oldest) return false
    await this.#purgeHidden(oldest)
    return true
  }

  /** Removes all files of the trash for good. */
  async empty(): Promise<void> {
    await this.#purgeAll(() => this.#hidden())
  }

  /**
   * Moves the times of files that were uploaded in a year that cannot have been, by as much as the clock was wrong:
   * their lifetime was counted from then, so that all of them would be over now.
   */
  async correctTimes(wrongByMs: number): Promise<void> {
    const now = this.#deps.clock.now()
    const impossible = this.#db.updateTable('files').where('uploaded_at', '<', FIRST_POSSIBLE)
    await impossible
      .set({ expires_at: sql`expires_at + ${wrongByMs}` })
      .where('expires_at', '<=', now)
      .execute()
    await impossible.set({ uploaded_at: sql`min(uploaded_at + ${wrongByMs}, ${now})` }).execute()
  }

  /**
   * Begins the quarantine of files that have expired, and ends the quarantine of files that have not, by the present
   * clock.
   */
  async followClock(): Promise<void> {
    const now = this.#deps.clock.now()
    const expired = this.#db.updateTable('files').where('expires_at', '<=', now)
    await expired
      .set({ hidden_since: await this.#deps.uptime.now() })
      .where('hidden_since', 'is', null)
      .execute()
    await this.#db
      .updateTable('files')
      .set({ hidden_since: null })
      .where('hidden_since', 'is not', null)
      .where('deleted_at', 'is', null)
      .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]))
      .execute()
  }

  /** Removes the files whose quarantine is over. @returns their number. */
  async removeOverdue(): Promise<number> {
    const before = (await this.#deps.uptime.now()) - this.#deps.keepMs
    return await this.#purgeAll(() => this.#hidden().where('files.hidden_since', '<=', before))
  }

  async #purgeAll(choose: () => HiddenFiles): Promise<number> {
    let removed = 0
    for (;;) {
      const rows = await choose().limit(PAGE).execute()
      for (const row of rows) await this.#purgeHidden(row)
      removed += rows.length
      if (rows.length < PAGE) return removed
    }
  }

  /** Unless it was restored, or the clock was set right, meanwhile. */
  async #purgeHidden({ id }: FileRow): Promise<void> {
    const now = this.#deps.clock.now()
    await this.#finish(
      this.#db
        .deleteFrom('files')
        .where('id', '=', id)
        .where((where) => where.or([where('deleted_at', 'is not', null), where('expires_at', '<=', now)])),
    )
  }

  /**
   * Removes the row first, then the bytes: a crash between the two leaves an orphan for the sweeper, not a broken file.
   */
  async #finish(removal: DeleteQueryBuilder<ShareTables, 'files', DeleteResult>): Promise<void> {
    const row = await removal.returning('blob_key').executeTakeFirst()
    if (row) await this.#deps.blobs.delete(row.blob_key)
  }

  #hidden() {
    return hidden(this.#db, this.#deps.clock.now())
  }

  async #removable(): Promise<HiddenFiles> {
    const settled = (await this.#deps.uptime.now()) - Math.min(CLOCK_SETTLES_MS, this.#deps.keepMs)
    return this.#hidden().where((where) =>
      where.or([where('files.deleted_at', 'is not', null), where('files.hidden_since', '<=', settled)]),
    )
  }

  #measure(metrics: Metrics): void {
    const bytes: Gauge = new Gauge({
      name: 'holdfast_trash_bytes',
      help: 'Bytes of the files in the trash.',
      registers: [metrics],
      collect: async () => bytes.set((await this.totals()).totalBytes),
    })
    const files: Gauge = new Gauge({
      name: 'holdfast_trash_files',
      help: 'Files in the trash.',
      registers: [metrics],
      collect: async () => files.set((await this.totals()).count),
    })
  }
}

type HiddenFiles = ReturnType<typeof hidden>

/** Files that were deleted or have expired. */
function hidden(db: Kysely<ShareTables>, now: number) {
  return db
    .selectFrom('files')
    .selectAll('files')
    .where((where) => where.or([where('files.deleted_at', 'is not', null), where('files.expires_at', '<=', now)]))
}
