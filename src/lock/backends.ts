/** Where locks can be kept. A new backend is a driver in a folder of its own and a line here. */
import { join } from 'node:path'
import type { LockStore } from './lock-store.ts'
import { SqliteLocks } from './sqlite/sqlite-locks.ts'

export const LOCK_BACKENDS = {
  /** `locks.db` in the data folder: for the processes of one machine. */
  sqlite: (dataFolder: string): Promise<LockStore> => SqliteLocks.open(join(dataFolder, 'locks.db')),
} as const

export type LockBackend = keyof typeof LOCK_BACKENDS
