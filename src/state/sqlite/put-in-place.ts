/**
 * Puts a backup in the place of a state. What was there, damaged or not, stays beside it; who has it open is told
 * STATE_REPLACED at the next call, so that no save goes where nobody will look.
 */
import { randomUUID } from 'node:crypto'
import { link, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { HoldfastError, messageOf, systemErrorCode, type Log } from '../base/index.ts'
import type { Lock, LockManager } from '../lock/index.ts'
import { makeFolder } from '../storage/index.ts'
import { lockOfState, statePath } from './backends.ts'
import {
  describeBackup,
  fenceOff,
  heightOfFile,
  inspectFile,
  listBackups,
  publishFile,
  sync,
  type Backup,
} from './backup-files.ts'
import { SqliteState } from './sqlite/sqlite-state.ts'

const WAIT_MS = 30_000

export interface RestoreOptions {
  /** Which state of the data folder. */
  name: string
  locks: LockManager
  /** A backup's file. Default: the newest backup that passes verification. */
  from?: string
  log?: Log
}

export interface Restored {
  backup: Backup
  /** The state's serial now: above that of the backup and, if that could be read, of what was there. */
  serial: number
  /** Where that is now, or null if there was nothing. */
  setAside: string | null
}

/**
 * @throws FILE_UNUSABLE when `from` cannot be read; NO_GOOD_BACKUP, naming why each that there is was passed over;
 * LOCK_TIMEOUT when somebody keeps the state locked; NO_SPACE. The state is as it was then.
 */
export async function restoreState(dataFolder: string, options: RestoreOptions): Promise<Restored> {
  return underLock(dataFolder, options, (backup, lock) => putInPlace(dataFolder, backup, lock, options))
}

/**
 * As `restoreState`, for a state that was found damaged: another process that found the same may have restored it by the time
 * that this one gets the lock, and what was saved since must stay.
 * @param isDamaged Asked then. @returns null when it is no longer.
 */
export async function restoreDamaged(
  dataFolder: string,
  options: RestoreOptions,
  isDamaged: () => Promise<boolean>,
): Promise<Restored | null> {
  return underLock(dataFolder, options, async (backup, lock) => {
    return (await isDamaged()) ? putInPlace(dataFolder, backup, lock, options) : null
  })
}

async function underLock<T>(
  dataFolder: string,
  { name, locks, from }: RestoreOptions,
  use: (backup: Backup, lock: Lock) => Promise<T>,
): Promise<T> {
  const backup = await chooseBackup(dataFolder, name, from)
  const heights = [backup.path, statePath(dataFolder, name)].map((path) => heightOfFile(path, lockOfState(name)))
  // The locks may be new, as after the loss of their file: the states know how far their tokens have come.
  const tokenAbove = Math.max(...(await Promise.all(heights)).map((height) => height?.token ?? 0))
  const lock = await locks.acquire(lockOfState(name), { operation: 'state restore', waitMs: WAIT_MS, tokenAbove })
  try {
    return await use(backup, lock)
  } finally {
    await lock.release()
  }
}

async function putInPlace(
  dataFolder: string,
  backup: Backup,
  lock: Lock,
  { name, log }: RestoreOptions,
): Promise<Restored> {
  const path = statePath(dataFolder, name)
  await fenceOff(path, lock)
  const before = await heightOfFile(path, lock.name)
  makeFolder(dirname(path))
  const partial = `${path}.${process.pid}.part`
  try {
    // A process with our pid may have died over it.
    await removeFile(partial)
    await copyOf(backup.path, partial, lock.name)
    const serial = await prepare(partial, before?.serial ?? 0, lock)
    const setAside = await replace(partial, path)
    log?.warn({ state: name, backup: backup.path, setAside, serial }, 'a state was restored from a backup')
    return { backup, serial, setAside }
  } finally {
    await removeFile(partial)
  }
}

async function chooseBackup(dataFolder: string, name: string, from: string | undefined): Promise<Backup> {
  const candidates = from === undefined ? await listBackups(dataFolder, name) : [await describeGiven(from)]
  const problems: string[] = []
  for (const backup of candidates) {
    const { head, damages } = await inspectFile(backup.path, lockOfState(name))
    const [damage] = damages
    if (head && !damage) return { ...backup, serial: head.serial }
    problems.push(`${backup.path}: ${damage?.what}: ${damage?.problem}`)
  }
  const what = from === undefined ? `the state ${name} has no good backup` : 'the file is no good backup'
  const why = problems.length > 0 ? `:\n  ${problems.join('\n  ')}` : ': there is none'
  throw new HoldfastError('NO_GOOD_BACKUP', what + why, {
    hint: 'Nothing was changed. An exported file can be brought in with: holdfast state import FILE',
  })
}

async function describeGiven(path: string): Promise<Backup> {
  try {
    return await describeBackup(path)
  } catch (error) {
    throw new HoldfastError('FILE_UNUSABLE', `the file ${path} cannot be read: ${messageOf(error)}`, { cause: error })
  }
}

/** Not its bytes: somebody may have the file open, with a part of it in a log beside it. */
async function copyOf(path: string, partial: string, lock: string): Promise<void> {
  const store = await SqliteState.open(path, { lock, keepSerials: Infinity })
  try {
    await store.copyTo(partial)
  } finally {
    await store.close()
  }
}

/** Serials and fencing tokens go on above all that anybody has seen. */
async function prepare(partial: string, serialBefore: number, lock: Lock): Promise<number> {
  const store = await SqliteState.open(partial, { lock: lock.name, keepSerials: Infinity })
  try {
    const { serial: restored } = await store.head()
    const operation = `restore of serial ${restored}`
    const about = { id: randomUUID(), at: Date.now(), who: lock.info.who, operation }
    const { serial } = await store.skipTo(Math.max(serialBefore, restored) + 1, about, lock.fences)
    return serial
  } finally {
    await store.close()
  }
}

/** The log of the old file goes first: SQLite would take it for the new one's. */
async function replace(partial: string, path: string): Promise<string | null> {
  const aside = `${path}.replaced-${new Date().toISOString().replaceAll(':', '')}`
  const isThere = await exists(path)
  // Now, so that nothing takes time between the moves: who opens the old file then finds it without its log.
  await sync(partial)
  if (isThere) {
    await link(path, aside)
    if (await exists(`${path}-wal`)) await rename(`${path}-wal`, `${aside}-wal`)
    await rm(`${path}-shm`, { force: true })
  }
  await publishFile(partial, path)
  return isThere ? aside : null
}

async function removeFile(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(path + suffix, { force: true })
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: unknown) => {
      if (systemErrorCode(error) === 'ENOENT') return false
      throw error
    },
  )
}
