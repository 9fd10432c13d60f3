/** A state as one save left it: all its builds, page by page, or its whole file. */
import { backup } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { openSqliteFile } from '../../storage/index.ts'
import type { SnapshotPage, StoredBuild } from '../state-store.ts'
import { translate } from './errors.ts'
import { stateHead } from './newest-save.ts'
import { loadVersion, tablesOf, type Tables } from './tables.ts'

/** Builds of one page: some milliseconds of work. */
export const PAGE = 1000

/** Pages of the file that are copied at a time: some milliseconds of work of another thread. */
const COPY_PAGES = 1000

/** @param after The number of the last build of the page before, -1 for the first. */
export function pageOf(tables: Tables, after: number): { builds: StoredBuild[]; last: number } {
  const page = tables.heads.scan(after, PAGE)
  // Pack by pack, so that none is unpacked twice for one page.
  const texts = new Map(page.toSorted((a, b) => a.pack - b.pack).map((head) => [head, loadVersion(tables, head)]))
  const builds = page.map((head) => texts.get(head)).filter((build) => build !== undefined)
  return { builds, last: page.at(-1)?.number ?? after }
}

/** Over a connection of its own, whose one read transaction goes on while others save. */
export async function* snapshotOf(path: string): AsyncIterable<SnapshotPage> {
  const connection = await openSqliteFile(path, { durability: 'full', readOnly: true })
  try {
    connection.exec('BEGIN')
    const tables = tablesOf(path, connection)
    const head = stateHead(tables, tables.saves.newest())
    for (let after = -1, isLast = false; !isLast;) {
      const page = pageOf(tables, after)
      if (page.builds.length > 0) yield { head, builds: page.builds }
      after = page.last
      isLast = page.builds.length < PAGE
      await nextTurn()
    }
  } catch (error) {
    throw translate(error, path)
  } finally {
    connection.close()
  }
}

/**
 * Copies a state's file. Over a connection of its own, within one read transaction: a copy of a state that is saved to
 * between two of its steps begins anew, so that copying a big, busy state would never end.
 */
export async function copySnapshot(path: string, target: string): Promise<void> {
  const connection = await openSqliteFile(path, { durability: 'full', readOnly: true })
  try {
    connection.exec('BEGIN')
    // The transaction begins with what it reads first.
    connection.prepare('SELECT count(*) FROM sqlite_schema').get()
    await backup(connection, target, { rate: COPY_PAGES })
  } finally {
    connection.close()
  }
}
