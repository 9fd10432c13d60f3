/** `locks.db` in a data folder: locks for the processes of one machine. */
import { join } from 'node:path'
import { makeFolder } from '../../storage/index.ts'
import type { LockStore } from '../lock-store.ts'
import { SqliteLocks } from './sqlite-locks.ts'

export function locksFile(dataFolder: string): string {
  return join(dataFolder, 'locks.db')
}

/** Opens the locks of a data folder, creating both when missing. @throws LOCK_DAMAGED; DATA_FOLDER_UNUSABLE. */
export async function openSqliteLocks(dataFolder: string): Promise<LockStore> {
  makeFolder(dataFolder)
  return SqliteLocks.open(locksFile(dataFolder))
}
