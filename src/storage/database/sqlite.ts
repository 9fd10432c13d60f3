/**
 * SQLite through node:sqlite: WAL, synchronous=FULL (a commit survives a power failure), one connection. Calls block
 * the event loop for the time of the query, so queries stay small.
 */
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import {
  Kysely,
  SqliteAdapter,
  SqliteDialect,
  sql,
  type CompiledQuery,
  type SqliteDatabase,
  type SqliteStatement,
} from 'kysely'
import { DEFAULT_MIGRATION_TABLE, Migrator } from 'kysely/migration'
import { HoldfastError, messageOf } from '../../base/index.ts'
import { Ballast } from '../ballast.ts'
import { diskError } from '../disk-errors.ts'
import type { Database, Migrations } from './database.ts'
import { FileInPlace } from './file-in-place.ts'
import { isDiskFull } from './sqlite-errors.ts'
import { StorageError } from '../errors.ts'

/** How long a query waits for a writer in another process, ms. Only `holdfast verify` ever is one. */
const BUSY_TIMEOUT_MS = 2000
const STATEMENT_CACHE_SIZE = 100

export interface SqliteOptions {
  migrations: Migrations
  /** Open without writing or migrating; the file must exist. Default false. */
  readOnly?: boolean
  /**
   * Path of a file that is given up when the disk is full, so that the database can write; see Ballast. Default none.
   */
  ballastPath?: string
  /** Told what was wrong when indexes were damaged and have been made anew. */
  onMended?: (problem: string) => void
}

/** @throws DATA_FOLDER_UNUSABLE when the file cannot be opened, is not a SQLite database or is damaged. */
export async function openSqlite(path: string, options: SqliteOptions): Promise<Database> {
  const { migrations, readOnly = false } = options
  const file = readOnly ? null : inPlace(path)
  const connection = connect(path, options)
  const ballast = options.ballastPath === undefined ? null : new Ballast(options.ballastPath)
  ballast?.take()
  const kysely = new Kysely<unknown>({
    dialect: new TransactionalDialect({ database: adapt(connection, file, ballast) }),
  })
  if (!readOnly) await migrate(kysely, migrations)
  return {
    tables: <Tables>() => kysely as unknown as Kysely<Tables>,
    async each<Row>(query: CompiledQuery<Row>, visit: (row: Row) => void) {
      const rows = connection.prepare(query.sql).iterate(...(query.parameters as SQLInputValue[]))
      for (const row of rows) visit(row as Row)
    },
    async ping() {
      if (file) requireInPlace(file)
      // A commit of the page that is always there: it changes nothing, but must be written and waited for.
      await sql`pragma user_version = 0`.execute(kysely)
      ballast?.take()
    },
    missingBytes: () => ballast?.missingBytes() ?? 0,
    async close() {
      if (!connection.isOpen) return
      if (!readOnly) writeBack(connection)
      await kysely.destroy()
    },
  }
}

/** @throws DATA_FOLDER_UNUSABLE */
function inPlace(path: string): FileInPlace {
  try {
    return FileInPlace.at(path)
  } catch (error) {
    if (error instanceof HoldfastError) throw error
    throw new StorageError('DATA_FOLDER_UNUSABLE', `the database ${path} cannot be used: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Where the disk is full the log stays beside the database, and the next start reads it: nothing is lost. */
function writeBack(connection: DatabaseSync): void {
  try {
    connection.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    if (!diskError(error)) throw error
  }
}

/** Writes to a file that was replaced would be lost. @throws DATA_FOLDER_UNUSABLE */
function requireInPlace(file: FileInPlace): void {
  if (file.isIntact()) return
  throw new StorageError('DATA_FOLDER_UNUSABLE', 'the database was removed or replaced while the server runs', {
    hint: 'Stop the server, put holdfast.db back in its place, and start it again; do not delete anything until then.',
    retryable: true,
  })
}

function connect(path: string, { readOnly = false, onMended }: SqliteOptions): DatabaseSync {
  try {
    const connection = new DatabaseSync(path, { readOnly, timeout: BUSY_TIMEOUT_MS })
    connection.exec('PRAGMA foreign_keys = ON; PRAGMA cache_size = -4000')
    // SQLite's own knows ASCII only; people's file names do not, and macOS's are decomposed.
    connection.function('lower', { deterministic: true }, (text) => (text === null ? null : foldCase(String(text))))
    if (!readOnly) connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
    const problem = damageOf(connection)
    if (problem !== null) {
      if (readOnly) throw new Error(problem)
      mend(connection, problem)
      onMended?.(problem)
    }
    return connection
  } catch (error) {
    throw new StorageError('DATA_FOLDER_UNUSABLE', `the database ${path} cannot be used: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** What SQLite finds wrong, or null. Reads all of the file: a wrong index would lead to other rows, or to none. */
function damageOf(connection: DatabaseSync): string | null {
  const problem = String(connection.prepare('PRAGMA integrity_check(1)').get()?.integrity_check)
  return problem === 'ok' ? null : problem
}

/** Makes the indexes anew from the rows. @throws the problem when it was not theirs. */
function mend(connection: DatabaseSync, problem: string): void {
  try {
    connection.exec('REINDEX')
  } catch (error) {
    throw new Error(problem, { cause: error })
  }
  const left = damageOf(connection)
  if (left !== null) throw new Error(left)
}

/** One form for all spellings of a text: composed (NFC) and lower case, as the `lower` of our connections has it. */
export function foldCase(text: string): string {
  return text.normalize('NFC').toLowerCase()
}

/** SQLite can undo the making of tables; with that known, a migration that a crash cuts short leaves nothing behind. */
class TransactionalDialect extends SqliteDialect {
  override createAdapter(): SqliteAdapter {
    return new TransactionalAdapter()
  }
}

class TransactionalAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): boolean {
    return true
  }
}

async function migrate(kysely: Kysely<unknown>, migrations: Migrations): Promise<void> {
  const newer = (await appliedMigrations(kysely)).filter((name) => !(name in migrations))
  if (newer.length > 0) {
    throw new StorageError(
      'DATA_FOLDER_UNUSABLE',
      `the database was changed by a newer version of Holdfast (${newer.join(', ')})`,
      { hint: 'Install that version again, or put back a copy of the database from before the update.' },
    )
  }
  const migrator = new Migrator({
    db: kysely,
    provider: { getMigrations: async () => ({ ...migrations }) },
    // Rooms add migrations independently: a new migration may sort before another room's applied migration.
    allowUnorderedMigrations: true,
  })
  const { error } = await migrator.migrateToLatest()
  if (error) {
    throw new StorageError('DATA_FOLDER_UNUSABLE', `the database cannot be migrated: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Names of migrations; none of a new database. */
async function appliedMigrations(kysely: Kysely<unknown>): Promise<string[]> {
  const tables = await sql`select 1 from sqlite_schema where name = ${DEFAULT_MIGRATION_TABLE}`.execute(kysely)
  if (tables.rows.length === 0) return []
  const applied = sql<{ name: string }>`select name from ${sql.table(DEFAULT_MIGRATION_TABLE)}`
  return (await applied.execute(kysely)).rows.map(({ name }) => name)
}

/** Gives node:sqlite the shape that Kysely's SQLite dialect expects, and keeps prepared statements. */
function adapt(connection: DatabaseSync, file: FileInPlace | null, ballast: Ballast | null): SqliteDatabase {
  const cache = new Map<string, SqliteStatement>()
  return {
    close: () => connection.close(),
    prepare(text) {
      // Where the disk is full SQLite has rolled back by itself; Kysely's own rollback would hide why.
      if (text === 'rollback' && !connection.isTransaction) return NOTHING_TO_DO
      const cached = cache.get(text)
      if (cached) return cached
      const statement = adaptStatement(
        translated(() => connection.prepare(text)),
        isRead(text),
        (write) => {
          if (file) requireInPlace(file)
          return withBallast(connection, ballast, write)
        },
      )
      if (cache.size >= STATEMENT_CACHE_SIZE) cache.clear()
      cache.set(text, statement)
      return statement
    },
  }
}

const NOTHING_TO_DO: SqliteStatement = {
  reader: false,
  all: () => [],
  run: () => ({ changes: 0, lastInsertRowid: 0 }),
  iterate: () => [][Symbol.iterator](),
}

/** A statement that writes may return rows too. */
function isRead(text: string): boolean {
  return /^\s*(select|pragma)\b/i.test(text)
}

/** @param guard runs what may write. */
function adaptStatement(
  statement: StatementSync,
  isReading: boolean,
  guard: <T>(write: () => T) => T,
): SqliteStatement {
  const run = <T>(query: () => T) => translated(() => (isReading ? query() : guard(query)))
  return {
    reader: statement.columns().length > 0,
    all: (parameters) => run(() => statement.all(...(parameters as SQLInputValue[]))),
    run: (parameters) => run(() => statement.run(...(parameters as SQLInputValue[]))),
    iterate: (parameters) => statement.iterate(...(parameters as SQLInputValue[])),
  }
}

/**
 * On a full disk: once more without the ballast. Within a transaction SQLite has undone all of it: its caller has to
 * repeat it.
 */
function withBallast<T>(connection: DatabaseSync, ballast: Ballast | null, write: () => T): T {
  const isWithin = connection.isTransaction
  try {
    return write()
  } catch (error) {
    if (!isDiskFull(error) || !ballast?.release() || isWithin) throw error
    return write()
  }
}

function translated<T>(query: () => T): T {
  try {
    return query()
  } catch (error) {
    throw (error instanceof HoldfastError ? null : diskError(error)) ?? error
  }
}
