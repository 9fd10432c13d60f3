/** The list of files: the facts about each, without its bytes. */
import { sql, type Kysely, type SelectQueryBuilder, type Selectable, type Transaction } from 'kysely'
import { randomId, type Clock } from '../base/index.ts'
import { foldCase, type BlobStore, type Database, type FinishedBlob } from '../storage/index.ts'
import { provesUtf8 } from './media-type.ts'
import type { FilesTable, ShareTables } from './tables.ts'
import { ShareError } from './errors.ts'

export const FILE_ID_LENGTH = 10

export type FileRow = Selectable<FilesTable>

/** A file with what the lists show besides. */
export type ListedFile = FileRow & { guest_link_label: string | null }

export interface NewFile {
  filename: string
  contentType: string
  /** Null is never. */
  expiresAt: number | null
  note: string | null
  guestLinkId: string | null
  passphraseHash: string | null
  maxDownloads: number | null
}

/** Fields to replace; absent ones stay. */
export type FileChange = Partial<
  Pick<FilesTable, 'filename' | 'content_type' | 'expires_at' | 'note' | 'passphrase_hash' | 'max_downloads'>
>

export const SORT_COLUMNS = {
  uploaded: 'uploaded_at',
  name: 'filename',
  size: 'size_bytes',
  expires: 'expires_at',
  downloads: 'download_count',
} as const

export interface FileQuery {
  /** Words that all occur in the name or the note, in any case. */
  search: string
  sort: keyof typeof SORT_COLUMNS
  order: 'asc' | 'desc'
  limit: number
  offset: number
}

export interface FileSums {
  count: number
  totalBytes: number
}

export class Files {
  readonly #database: Database
  readonly #db: Kysely<ShareTables>
  readonly #blobs: BlobStore
  readonly #clock: Clock

  constructor(database: Database, blobs: BlobStore, clock: Clock) {
    this.#database = database
    this.#db = database.tables<ShareTables>()
    this.#blobs = blobs
    this.#clock = clock
  }

  /** The file, or null when there is none, or it was deleted or has expired: files in the trash are never shown. */
  async find(id: string): Promise<ListedFile | null> {
    const row = await this.#listed().where('files.id', '=', id).executeTakeFirst()
    return row ?? null
  }

  /**
   * Shows the files of a page to `visit`, one after the other, so that a page may be long.
   * @returns number and bytes of all that match, beyond the page too.
   */
  async list(query: FileQuery, visit: (file: ListedFile) => void): Promise<FileSums> {
    const words = query.search.split(/\s+/).filter((word) => word !== '')
    let matching = this.#listed()
    for (const word of words) matching = matching.where(containsWord(word))
    const column = SORT_COLUMNS[query.sort]
    const sorted = query.sort === 'name' ? sql`lower(files.filename)` : sql.ref(`files.${column}`)
    const page = matching.orderBy(sorted, query.order).orderBy('files.id').limit(query.limit).offset(query.offset)
    await this.#database.each(page.compile(), visit)
    return await sums(matching)
  }

  /**
   * Records a finished blob as a file: from here on it exists. When the row cannot be written the blob is removed.
   * @throws GUEST_LINK_INACTIVE when the guest link has filled up meanwhile.
   */
  async add(blob: FinishedBlob, file: NewFile): Promise<FileRow> {
    try {
      return await this.record(blob, file)
    } catch (error) {
      await this.#blobs.delete(blob.key)
      throw error
    }
  }

  /**
   * Records a finished blob as a file, and what else `also` writes in the same transaction; when that fails the blob
   * stays.
   * @throws GUEST_LINK_INACTIVE when the guest link has filled up meanwhile.
   */
  async record(
    blob: FinishedBlob,
    file: NewFile,
    also: (transaction: Transaction<ShareTables>, id: string) => Promise<void> = async () => {},
  ): Promise<FileRow> {
    const text = await provesUtf8(
      { content_type: file.contentType, filename: file.filename },
      { blobs: this.#blobs, ...blob },
    )
    const row: FileRow = {
      is_utf8: text === null ? null : Number(text),
      id: randomId(FILE_ID_LENGTH),
      blob_key: blob.key,
      filename: file.filename,
      content_type: file.contentType,
      size_bytes: blob.sizeBytes,
      sha256: blob.sha256,
      uploaded_at: this.#clock.now(),
      expires_at: file.expiresAt,
      note: file.note,
      guest_link_id: file.guestLinkId,
      passphrase_hash: file.passphraseHash,
      max_downloads: file.maxDownloads,
      download_count: 0,
      deleted_at: null,
      hidden_since: null,
    }
    await this.#db.transaction().execute(async (transaction) => {
      if (file.guestLinkId) await refuseWhenFull(transaction, file.guestLinkId)
      await transaction.insertInto('files').values(row).execute()
      await also(transaction, row.id)
    })
    return row
  }

  /** @returns false when there is no such file, or it is in the trash. */
  async change(id: string, change: FileChange): Promise<boolean> {
    const now = this.#clock.now()
    const result = await this.#db
      .updateTable('files')
      .set(change)
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .where((where) => where.or([where('expires_at', 'is', null), where('expires_at', '>', now)]))
      .executeTakeFirst()
    return result.numUpdatedRows > 0n
  }

  /** Every file, in the trash or not, in the order of ids, a page at a time. */
  async *all(): AsyncIterable<FileRow> {
    for (let last = ''; ;) {
      const rows = await this.#db
        .selectFrom('files')
        .selectAll()
        .where('id', '>', last)
        .orderBy('id')
        .limit(500)
        .execute()
      yield* rows
      const end = rows.at(-1)
      if (!end) return
      last = end.id
    }
  }

  /** Whether a blob belongs to a file or to an upload that may go on. One question: the one becomes the other. */
  async hasBlob(key: string): Promise<boolean> {
    const ofFile = this.#db.selectFrom('files').select('id').where('blob_key', '=', key)
    const ofUpload = this.#db.selectFrom('resumable_uploads').select('id').where('blob_key', '=', key)
    if ((await ofFile.unionAll(ofUpload).executeTakeFirst()) !== undefined) return true
    // "No" is what bytes are removed for: the rows themselves have to say it, not an index, which a single bit can
    // mislead.
    const rows = sql<{ blob_key: string }>`
      select blob_key from files not indexed where blob_key = ${key}
      union all select blob_key from resumable_uploads not indexed where blob_key = ${key}`
    return (await rows.execute(this.#db)).rows.length > 0
  }

  /** Number and bytes of the files that are there. */
  async totals(): Promise<FileSums> {
    return await sums(this.#listed())
  }

  #listed() {
    return listed(this.#db, this.#clock.now())
  }
}

/** Files that are not in the trash, with the labels of their guest links. */
function listed(db: Kysely<ShareTables>, now: number) {
  return db
    .selectFrom('files')
    .leftJoin('guest_links', 'guest_links.id', 'files.guest_link_id')
    .selectAll('files')
    .select('guest_links.label as guest_link_label')
    .where('files.deleted_at', 'is', null)
    .where((where) => where.or([where('files.expires_at', 'is', null), where('files.expires_at', '>', now)]))
}

/** Number and bytes of the files of a query. */
export async function sums<O>(files: SelectQueryBuilder<ShareTables, 'files', O>): Promise<FileSums> {
  const { count, bytes } = await files
    .clearSelect()
    .select(({ fn }) => [fn.countAll<number>().as('count'), fn.sum<number | null>('files.size_bytes').as('bytes')])
    .executeTakeFirstOrThrow()
  return { count, totalBytes: bytes ?? 0 }
}

function containsWord(word: string) {
  const pattern = `%${foldCase(word).replaceAll(/[\\%_]/g, (character) => `\\${character}`)}%`
  return sql<boolean>`(lower(files.filename) like ${pattern} escape '\\' or lower(files.note) like ${pattern} escape '\\')`
}

async function refuseWhenFull(db: Kysely<ShareTables>, guestLinkId: string): Promise<void> {
  const link = await db
    .selectFrom('guest_links')
    .select(['max_file_uploads', countUploads().as('uploads')])
    .where('id', '=', guestLinkId)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  const isFull = !link || (link.max_file_uploads !== null && link.uploads >= link.max_file_uploads)
  if (isFull) throw new ShareError('GUEST_LINK_INACTIVE', 'the guest link was used up or removed during the upload')
}

/** Number of files that exist now, not in the trash, and came through the guest link of the row. */
export function countUploads() {
  return sql<number>`(select count(*) from files where files.guest_link_id = guest_links.id and files.hidden_since is null)`
}
