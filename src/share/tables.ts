/** The share's tables. Times are milliseconds since 1970, sizes bytes, booleans 0 or 1. */
import { sql, type Generated, type Kysely } from 'kysely'
import type { Migrations } from '../storage/index.ts'

export interface FilesTable {
  id: string
  blob_key: string
  filename: string
  /** As the uploader gave it; may be empty. */
  content_type: string
  /** Whether the bytes are UTF-8, 0 or 1; null when that is unknown or the file is not a text. */
  is_utf8: number | null
  size_bytes: number
  /** Lower-case hex. */
  sha256: string
  uploaded_at: number
  /** Null is never. */
  expires_at: number | null
  note: string | null
  guest_link_id: string | null
  /** From passphrase.ts; null is none. */
  passphrase_hash: string | null
  max_downloads: number | null
  download_count: Generated<number>
  /** When the owner deleted it; null is not. */
  deleted_at: number | null
  /** The uptime in ms at which it was deleted or found expired; null is neither. */
  hidden_since: number | null
}

export interface GuestLinksTable {
  id: string
  /** For the owner alone. */
  label: string | null
  /** What the guest reads. */
  greeting: string | null
  created_at: number
  url_expires_at: number | null
  /** Null is forever. */
  file_lifetime_ms: number | null
  max_file_bytes: number | null
  max_file_uploads: number | null
  is_disabled: Generated<number>
  /** When the owner deleted it; null is not. */
  deleted_at: number | null
  /** The uptime in ms at which it was deleted; null is not. */
  hidden_since: number | null
}

export interface DownloadsTable {
  file_id: string
  at: number
  client_ip: string
  user_agent: string
}

/** What a client has had of a file with a download limit: see downloads.ts. */
export interface DownloadGrantsTable {
  id: string
  file_id: string
  client_ip: string
  user_agent: string
  began_at: number
  /** When the client had the whole file. */
  whole_at: number | null
  sent_bytes: number
  /** The parts that were sent, as JSON of ByteRange[]. */
  covered: string
}

/** Secrets of the share that outlive a restart, base64url. */
export interface ShareKeysTable {
  name: string
  key: string
}

export interface ShareSettingsTable {
  id: number
  default_expiration_days: number
  default_never_expire: number
}

/**
 * Uploads that go on over several requests. The bytes of one are with the blob store under `blob_key` from the
 * beginning; a partial upload whose bytes were joined to its final upload has that upload's key.
 */
export interface ResumableUploadsTable {
  id: string
  blob_key: string
  /** Under which its progress can be watched. */
  watch_id: string
  /** Null until the client has told it. */
  length_bytes: number | null
  /** The largest length that is allowed, or null for no limit. */
  max_bytes: number | null
  /** So many bytes have been acknowledged and are durable; less than the length of a file until the file is there. */
  offset_bytes: number
  /**
   * `partial` for a part of a file, `final;` and the parts' ids for a file made of parts, null for a file by itself.
   */
  concat: string | null
  /** The final upload that a partial one has become part of. From then on its bytes belong to that one. */
  final_id: string | null
  /** Upload-Metadata as the client gave it, without its secrets. */
  metadata: string
  /** What becomes of it: a NewFile as JSON. */
  new_file: string
  guest_link_id: string | null
  expires_at: number
  /** The uptime in ms at which it was found expired; null is not. */
  hidden_since: number | null
  /** The file that it became. */
  file_id: string | null
}

export interface UptimeTable {
  id: number
  ms: number
}

/** Stored bytes without a file. */
export interface OrphanedBlobsTable {
  blob_key: string
  /** The uptime in ms at which they were found. */
  since: number
}

export interface ShareTables {
  share_uptime: UptimeTable
  orphaned_blobs: OrphanedBlobsTable
  files: FilesTable
  resumable_uploads: ResumableUploadsTable
  guest_links: GuestLinksTable
  downloads: DownloadsTable
  download_grants: DownloadGrantsTable
  share_keys: ShareKeysTable
  share_settings: ShareSettingsTable
}

export const shareMigrations: Migrations = {
  'share-001-tables': { up: createTables },
  'share-002-resumable-uploads': { up: createResumableUploads },
  'share-003-utf8': { up: addUtf8 },
  'share-004-download-grants': { up: createDownloadGrants },
  'share-005-trash': { up: addTrash },
  'share-006-partial-uploads': { up: createPartialUploads },
  'share-007-guest-greeting': { up: addGuestGreeting },
  'share-008-guest-link-trash': { up: addGuestLinkTrash },
}

async function createTables(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('guest_links')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('label', 'text')
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .addColumn('url_expires_at', 'bigint')
    .addColumn('file_lifetime_ms', 'bigint')
    .addColumn('max_file_bytes', 'bigint')
    .addColumn('max_file_uploads', 'integer')
    .addColumn('is_disabled', 'integer', (column) => column.notNull().defaultTo(0))
    .execute()
  await db.schema
    .createTable('files')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('blob_key', 'text', (column) => column.notNull().unique())
    .addColumn('filename', 'text', (column) => column.notNull())
    .addColumn('content_type', 'text', (column) => column.notNull())
    .addColumn('size_bytes', 'bigint', (column) => column.notNull())
    .addColumn('sha256', 'text', (column) => column.notNull())
    .addColumn('uploaded_at', 'bigint', (column) => column.notNull())
    .addColumn('expires_at', 'bigint')
    .addColumn('note', 'text')
    .addColumn('guest_link_id', 'text', (column) => column.references('guest_links.id').onDelete('set null'))
    .addColumn('passphrase_hash', 'text')
    .addColumn('max_downloads', 'integer')
    .addColumn('download_count', 'integer', (column) => column.notNull().defaultTo(0))
    .execute()
  for (const column of ['uploaded_at', 'expires_at', 'guest_link_id']) {
    await db.schema.createIndex(`files_${column}`).on('files').column(column).execute()
  }
  await db.schema
    .createTable('downloads')
    .addColumn('file_id', 'text', (column) => column.notNull().references('files.id').onDelete('cascade'))
    .addColumn('at', 'bigint', (column) => column.notNull())
    .addColumn('client_ip', 'text', (column) => column.notNull())
    .addColumn('user_agent', 'text', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('downloads_file_id_at').on('downloads').columns(['file_id', 'at']).execute()
  await db.schema
    .createTable('share_settings')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('default_expiration_days', 'integer', (column) => column.notNull())
    .addColumn('default_never_expire', 'integer', (column) => column.notNull())
    .execute()
}

async function addGuestGreeting(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('guest_links').addColumn('greeting', 'text').execute()
}

async function addGuestLinkTrash(db: Kysely<unknown>): Promise<void> {
  for (const column of ['deleted_at', 'hidden_since']) {
    await db.schema.alterTable('guest_links').addColumn(column, 'bigint').execute()
  }
}

async function createResumableUploads(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('resumable_uploads')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('blob_key', 'text', (column) => column.notNull().unique())
    .addColumn('watch_id', 'text', (column) => column.notNull())
    .addColumn('length_bytes', 'bigint', (column) => column.notNull())
    .addColumn('offset_bytes', 'bigint', (column) => column.notNull())
    .addColumn('metadata', 'text', (column) => column.notNull())
    .addColumn('new_file', 'text', (column) => column.notNull())
    .addColumn('guest_link_id', 'text', (column) => column.references('guest_links.id').onDelete('cascade'))
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('file_id', 'text', (column) => column.references('files.id').onDelete('cascade'))
    .execute()
  for (const column of ['expires_at', 'guest_link_id', 'file_id']) {
    await db.schema.createIndex(`resumable_uploads_${column}`).on('resumable_uploads').column(column).execute()
  }
}

async function addUtf8(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('files').addColumn('is_utf8', 'integer').execute()
}

async function createDownloadGrants(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('download_grants')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('file_id', 'text', (column) => column.notNull().references('files.id').onDelete('cascade'))
    .addColumn('client_ip', 'text', (column) => column.notNull())
    .addColumn('user_agent', 'text', (column) => column.notNull())
    .addColumn('began_at', 'bigint', (column) => column.notNull())
    .addColumn('whole_at', 'bigint')
    .addColumn('sent_bytes', 'bigint', (column) => column.notNull())
    .addColumn('covered', 'text', (column) => column.notNull())
    .execute()
  const index = db.schema.createIndex('download_grants_client').on('download_grants')
  await index.columns(['file_id', 'client_ip', 'began_at']).execute()
  await db.schema
    .createTable('share_keys')
    .addColumn('name', 'text', (column) => column.primaryKey())
    .addColumn('key', 'text', (column) => column.notNull())
    .execute()
}

async function addTrash(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('files').addColumn('deleted_at', 'bigint').execute()
  await db.schema.alterTable('files').addColumn('hidden_since', 'bigint').execute()
  await db.schema.createIndex('files_hidden_since').on('files').column('hidden_since').execute()
  await db.schema.alterTable('resumable_uploads').addColumn('hidden_since', 'bigint').execute()
  await db.schema
    .createTable('share_uptime')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('orphaned_blobs')
    .addColumn('blob_key', 'text', (column) => column.primaryKey())
    .addColumn('since', 'bigint', (column) => column.notNull())
    .execute()
}

/** The table anew, since SQLite cannot let a column be null or an upload share a blob afterwards. */
async function createPartialUploads(db: Kysely<unknown>): Promise<void> {
  await db.schema.alterTable('resumable_uploads').renameTo('old_resumable_uploads').execute()
  await db.schema
    .createTable('resumable_uploads')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('blob_key', 'text', (column) => column.notNull())
    .addColumn('watch_id', 'text', (column) => column.notNull())
    .addColumn('length_bytes', 'bigint')
    .addColumn('max_bytes', 'bigint')
    .addColumn('offset_bytes', 'bigint', (column) => column.notNull())
    .addColumn('concat', 'text')
    .addColumn('final_id', 'text', (column) => column.references('resumable_uploads.id').onDelete('cascade'))
    .addColumn('metadata', 'text', (column) => column.notNull())
    .addColumn('new_file', 'text', (column) => column.notNull())
    .addColumn('guest_link_id', 'text', (column) => column.references('guest_links.id').onDelete('cascade'))
    .addColumn('expires_at', 'bigint', (column) => column.notNull())
    .addColumn('file_id', 'text', (column) => column.references('files.id').onDelete('cascade'))
    .addColumn('hidden_since', 'bigint')
    .execute()
  const kept = sql.raw(
    'id, blob_key, watch_id, length_bytes, offset_bytes, metadata, new_file, guest_link_id, expires_at, file_id, hidden_since',
  )
  await sql`
    insert into resumable_uploads (${kept}) select ${kept}
    from old_resumable_uploads`.execute(db)
  await db.schema.dropTable('old_resumable_uploads').execute()
  for (const column of ['blob_key', 'expires_at', 'guest_link_id', 'file_id', 'final_id']) {
    await db.schema.createIndex(`resumable_uploads_${column}`).on('resumable_uploads').column(column).execute()
  }
  // Each creation by a guest asks for these, and finished uploads are remembered in any number.
  await sql`
    create index resumable_uploads_unfinished on resumable_uploads (guest_link_id)
    where file_id is null and final_id is null`.execute(db)
}
