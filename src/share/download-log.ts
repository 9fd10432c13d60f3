/** Who downloaded what, and whether one more may. */
import { sql, type Kysely } from 'kysely'
import { HoldfastError, type Clock } from '../base/index.ts'
import type { Database } from '../storage/index.ts'
import type { DownloadsTable, ShareTables } from './tables.ts'

/** For so long a request for a later part of a file continues the download that its address began. */
const CONTINUATION_MS = 24 * 3_600_000
const MAX_USER_AGENT_LENGTH = 500

export type Download = Omit<DownloadsTable, 'file_id'>

export interface DownloadRequest {
  fileId: string
  clientIp: string
  userAgent: string
  /** First byte that is asked for. */
  start: number
}

export class DownloadLog {
  readonly #db: Kysely<ShareTables>
  readonly #clock: Clock

  constructor(database: Database, clock: Clock) {
    this.#db = database.tables<ShareTables>()
    this.#clock = clock
  }

  /**
   * Counts and logs a download that is about to begin. A request for a later part from an address that began one in the
   * last day is the same download: players seek, and cut downloads resume.
   * @throws DOWNLOADS_USED_UP when the file's limit is reached; the check and the count are one statement.
   */
  async begin(request: DownloadRequest): Promise<void> {
    if (request.start > 0 && (await this.#hasBegun(request))) return
    await this.#db.transaction().execute(async (transaction) => {
      const counted = await transaction
        .updateTable('files')
        .set({ download_count: sql`download_count + 1` })
        .where('id', '=', request.fileId)
        .where((where) => where.or([where('max_downloads', 'is', null), sql<boolean>`download_count < max_downloads`]))
        .executeTakeFirst()
      if (counted.numUpdatedRows === 0n) {
        throw new HoldfastError('DOWNLOADS_USED_UP', 'this file has been downloaded as often as its owner allows')
      }
      const entry = {
        file_id: request.fileId,
        at: this.#clock.now(),
        client_ip: request.clientIp,
        user_agent: request.userAgent.slice(0, MAX_USER_AGENT_LENGTH),
      }
      await transaction.insertInto('downloads').values(entry).execute()
    })
  }

  /** Newest first. */
  async list(fileId: string, limit: number): Promise<{ downloads: Download[]; total: number }> {
    const ofFile = this.#db.selectFrom('downloads').where('file_id', '=', fileId)
    const { total } = await ofFile.select(({ fn }) => fn.countAll<number>().as('total')).executeTakeFirstOrThrow()
    const columns = ['at', 'client_ip', 'user_agent'] as const
    const downloads = await ofFile.select(columns).orderBy('at', 'desc').limit(limit).execute()
    return { downloads, total }
  }

  async #hasBegun(request: DownloadRequest): Promise<boolean> {
    const row = await this.#db
      .selectFrom('downloads')
      .select('at')
      .where('file_id', '=', request.fileId)
      .where('client_ip', '=', request.clientIp)
      .where('at', '>', this.#clock.now() - CONTINUATION_MS)
      .executeTakeFirst()
    return row !== undefined
  }
}
