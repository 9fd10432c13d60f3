import { DatabaseSync } from 'node:sqlite'
import { messageOf, systemErrorCode } from '../base/index.ts'

/**
 * Takes a file for this process, making it when it is missing. The hold is a lock of the operating system, so it ends
 * with the process, however that ends. Node has no flock(2); an exclusive transaction of SQLite takes the same kind
 * of lock.
 * @param waitMs how long to wait for another process that has it; this one stands still meanwhile.
 * @returns gives it back; null when another process has it.
 */
export function lockFile(path: string, waitMs = 0): (() => void) | null {
  const connection = new DatabaseSync(path, { timeout: waitMs })
  try {
    connection.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    connection.close()
    const isBusy = systemErrorCode(error) === 'ERR_SQLITE_ERROR' && /locked/.test(messageOf(error))
    if (isBusy) return null
    throw error
  }
  return () => connection.close()
}
