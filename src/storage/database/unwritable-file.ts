/** SQLite files that may only be read: on a read-only mount, or without write permission for the file or its folder. */
import { accessSync, constants, copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { systemErrorCode } from '../../base/index.ts'
import { isInaccessible } from './sqlite-errors.ts'

/** Whether SQLite can make its files beside the file. A file that is not there yet is a matter of its folder. */
export function isWritable(path: string): boolean {
  return [path, dirname(path)].every((one) => {
    try {
      accessSync(one, constants.W_OK)
      return true
    } catch (error) {
      return !['EACCES', 'EPERM', 'EROFS'].includes(systemErrorCode(error) ?? '')
    }
  })
}

/** A connection that reads the newest commits, also from a log that was not written back. */
export function connectUnwritable(path: string): DatabaseSync {
  try {
    // Whoever is writing has made the files that this needs.
    return connectAndRead(path)
  } catch (error) {
    if (!isInaccessible(error)) throw error
  }
  // SQLite would read past the log of an immutable file.
  const log = statSync(`${path}-wal`, { throwIfNoEntry: false })
  return log && log.size > 0 ? connectToCopy(path) : connectImmutable(path)
}

function connectToCopy(path: string): DatabaseSync {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-read-'))
  try {
    const copy = join(folder, basename(path))
    for (const suffix of ['', '-wal']) copyFileSync(path + suffix, copy + suffix)
    const writer = new DatabaseSync(copy)
    writer.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    writer.close()
    return connectImmutable(copy)
  } finally {
    // What is open stays readable.
    rmSync(folder, { recursive: true, force: true })
  }
}

function connectImmutable(path: string): DatabaseSync {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  return connectAndRead(url)
}

function connectAndRead(path: string | URL): DatabaseSync {
  const connection = new DatabaseSync(path, { readOnly: true, timeout: 0 })
  try {
    connection.prepare('SELECT count(*) FROM sqlite_schema').get()
    return connection
  } catch (error) {
    connection.close()
    throw error
  }
}
