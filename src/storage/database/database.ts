/** The relational database: opened, migrated and closed here; its tables belong to the rooms that use them. */
import type { CompiledQuery, Kysely } from 'kysely'
import type { Migration } from 'kysely/migration'

/** Migrations by name. Names sort in the order of application: `share-001-files`. Applied ones never change. */
export type Migrations = Readonly<Record<string, Migration>>

export interface Database {
  /** The query builder, typed for one room's tables. */
  tables<Tables>(): Kysely<Tables>
  /**
   * Shows each row of a result to `visit`, in order, without holding them all: memory stays flat however many there
   * are. `visit` is called before any other query runs and must not start one.
   */
  each<Row>(query: CompiledQuery<Row>, visit: (row: Row) => void): Promise<void>
  /** Answers when a write has reached the disk. @throws whatever the driver says when it cannot. */
  ping(): Promise<void>
  /** Bytes that the database keeps for writes on a full disk and does not have now: uploads leave them free. */
  missingBytes(): number
  /** Waits for running queries, writes back what is only in the log, and closes. Idempotent. */
  close(): Promise<void>
}
