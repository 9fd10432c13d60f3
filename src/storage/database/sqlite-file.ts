/** Opens a SQLite file that several processes share, for rooms that need more of SQLite than a query builder gives. */
import { DatabaseSync } from 'node:sqlite'
import { createRetry } from '../../base/index.ts'
import { FileInPlace } from './file-in-place.ts'
import { isBusy, isTransientFailure } from './sqlite-errors.ts'
import { connectUnwritable, isWritable } from './unwritable-file.ts'
import { StorageError } from '../errors.ts'

/** Up to 3.51.2 a checkpoint that met a WAL reset could corrupt the file (https://sqlite.org/wal.html, "WAL-reset bug"). */
const OLDEST_SAFE = [3, 51, 3] as const

/** No file is restored that often while it is being opened. */
const MAX_REPLACEMENTS = 10

export interface SqliteFileOptions {
  /** `full`: a commit survives a power failure. `normal`: it survives the death of the process only. */
  durability: 'full' | 'normal'
  readOnly?: boolean
  /** Of a file that is made now. A commit writes whole pages, so small ones suit small rows. Default 4096. */
  pageBytes?: number
  /**
   * Bytes of the log at which it is written back and begun anew. While it grows, each durable commit waits for the disk
   * twice; writing it back costs one commit some milliseconds. Default 3.2 MB.
   */
  logBytes?: number
  /**
   * Whether a new file can give pages back that it no longer needs; each commit then costs a little more. Default
   * true.
   */
  canShrink?: boolean
  /** Statements that make the tables of a new file; run in one transaction. */
  schema?: string
}

/**
 * A connection in WAL mode that never blocks on another one (a busy database is an error at once, see WriteQueue).
 * A file that this user may not write is opened for reading only.
 * Waits while other processes open or recover the same file. @throws whatever node:sqlite says.
 */
export async function openSqliteFile(path: string, options: SqliteFileOptions): Promise<DatabaseSync> {
  assertSafeVersion()
  const retrying = createRetry({
    isTransient: (error) => isBusy(error) || isTransientFailure(error),
    retries: 40,
    maxDelayMs: 200,
  })
  return retrying(() => connect(path, options))
}

/**
 * As `openSqliteFile`, of the file that is under the path. A restore may replace the file meanwhile: then the
 * opened file belongs to no database.
 */
export async function openInPlace(
  path: string,
  options: SqliteFileOptions,
): Promise<{ connection: DatabaseSync; file: FileInPlace }> {
  for (let attempt = 0; attempt < MAX_REPLACEMENTS; attempt++) {
    const file = FileInPlace.at(path)
    const connection = await openSqliteFile(path, options)
    if (file.isInPlace()) return { connection, file }
    connection.close()
  }
  throw new StorageError('DATA_FOLDER_UNUSABLE', `${path} is another file each time that it is looked at`, {
    hint: 'Put the data folder on a file system whose files keep their inode numbers.',
  })
}

function connect(
  path: string,
  {
    durability,
    readOnly: wantsReadOnly = false,
    pageBytes = 4096,
    logBytes = 3_200_000,
    canShrink = true,
    schema,
  }: SqliteFileOptions,
): DatabaseSync {
  const isUnwritable = !isWritable(path)
  const readOnly = wantsReadOnly || isUnwritable
  const connection = isUnwritable ? connectUnwritable(path) : new DatabaseSync(path, { readOnly, timeout: 0 })
  try {
    if (!readOnly) {
      const vacuum = canShrink ? 'INCREMENTAL' : 'NONE'
      // Only of a new file: setting auto_vacuum writes the first page, every time, be the file damaged or not.
      if (isEmpty(connection)) connection.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA auto_vacuum = ${vacuum}`)
      connection.exec('PRAGMA journal_mode = WAL')
    }
    const logPages = Math.ceil(logBytes / pageBytes)
    connection.exec(
      `PRAGMA synchronous = ${durability}; PRAGMA cache_size = -8000; PRAGMA wal_autocheckpoint = ${logPages}`,
    )
    if (schema && !readOnly) makeTables(connection, schema)
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}

function isEmpty(connection: DatabaseSync): boolean {
  return connection.prepare('PRAGMA page_count').get()?.page_count === 0
}

/** Only where nothing is yet: a damaged database must not be written over. */
function makeTables(connection: DatabaseSync, schema: string): void {
  const count = connection.prepare('SELECT count(*) AS tables FROM sqlite_schema')
  if (count.get()?.tables !== 0) return
  connection.exec('BEGIN IMMEDIATE')
  // Another process may have been quicker.
  if (count.get()?.tables === 0) connection.exec(schema)
  connection.exec('COMMIT')
}

function assertSafeVersion(): void {
  const version = process.versions.sqlite ?? '0'
  const parts = version.split('.').map(Number)
  const difference = OLDEST_SAFE.map((wanted, index) => (parts[index] ?? 0) - wanted).find((delta) => delta !== 0) ?? 0
  if (difference >= 0) return
  throw new StorageError('NOT_READY', `SQLite ${version} can corrupt databases that several processes share`, {
    hint: `Run Holdfast on a Node with SQLite ${OLDEST_SAFE.join('.')} or newer.`,
  })
}
