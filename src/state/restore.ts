/** Puts a backup in the place of a state, under the state's lock. */
import { type Log } from '../base/index.ts'
import type { Lock, LockManager } from '../lock/index.ts'
import type { Backup, BackupStore, Engine, Restored } from './engine.ts'
import { openEngine } from './engines.ts'
import { lockOfState } from './names.ts'
import { StateError } from './errors.ts'

const WAIT_MS = 30_000

export interface RestoreOptions {
  /** Which state of the engine. */
  name: string
  locks: LockManager
  /** A backup's path. Default: the newest backup that passes verification. */
  from?: string
  log?: Log
}

/**
 * @param location The engine, or where it is: a data folder or a URL.
 * @throws FILE_UNUSABLE when `from` cannot be read; NO_GOOD_BACKUP, with the reason for each; LOCK_TIMEOUT when the
 * state stays locked for 30 s; NO_SPACE. The state is as it was then.
 */
export async function restoreState(location: string | Engine, options: RestoreOptions): Promise<Restored> {
  const engine = typeof location === 'string' ? await openEngine(location) : location
  const backups = backupsOf(engine)
  try {
    return await underLock(backups, options, (backup, lock) => restoreAndTell(backups, backup, lock, options))
  } finally {
    if (typeof location === 'string') await engine.close()
  }
}

/**
 * As `restoreState`, for a state that was found damaged: another process that found the same may have restored it by
 * the time that this one gets the lock, and what was saved since must stay.
 * @param isDamaged Asked under the lock. @returns null when it answers no.
 */
export async function restoreDamaged(
  engine: Engine,
  options: RestoreOptions,
  isDamaged: () => Promise<boolean>,
): Promise<Restored | null> {
  const backups = backupsOf(engine)
  return underLock(backups, options, async (backup, lock) => {
    return (await isDamaged()) ? restoreAndTell(backups, backup, lock, options) : null
  })
}

/** @throws NO_GOOD_BACKUP when the engine keeps none. */
export function backupsOf(engine: Engine): BackupStore {
  if (engine.backups) return engine.backups
  throw new StateError('NO_GOOD_BACKUP', `${engine.location} keeps no backups of states`, {
    hint: "Use the engine's own tools, or: holdfast state export FILE",
  })
}

async function underLock<T>(
  backups: BackupStore,
  { name, locks, from }: RestoreOptions,
  use: (backup: Backup, lock: Lock) => Promise<T>,
): Promise<T> {
  const backup = await backups.choose(name, from)
  // The locks may be new, as after the loss of their file: states and backups know how far their tokens have come.
  const tokenAbove = await backups.highestToken(name, backup)
  const lock = await locks.acquire(lockOfState(name), { operation: 'state restore', waitMs: WAIT_MS, tokenAbove })
  try {
    return await use(backup, lock)
  } finally {
    await lock.release()
  }
}

async function restoreAndTell(
  backups: BackupStore,
  backup: Backup,
  lock: Lock,
  { name, log }: RestoreOptions,
): Promise<Restored> {
  const restored = await backups.restore(name, backup, lock)
  const { serial, setAside } = restored
  log?.warn({ state: name, backup: backup.path, setAside, serial }, 'a state was restored from a backup')
  return restored
}
