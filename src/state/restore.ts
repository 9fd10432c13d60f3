/**
 * Puts a backup in the place of a state. What was there, damaged or not, stays beside it; who has it open is told
 * STATE_REPLACED at the next call, so that no save goes where nobody will look.
 */
import { randomUUID } from 'node:crypto'
import { copyFile, link, rename, rm, stat } from 'node:fs/promises'
import { HoldfastError, systemErrorCode, type Log } from '../base/index.ts'
import type { Lock, LockManager } from '../lock/index.ts'
import { lockOfState, statePath } from './backends.ts'
import {
  describeBackup,
  fenceOff,
  heightOfFile,
  inspectFile,
  listBackups,
  publishFile,
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
 * @throws NO_GOOD_BACKUP, naming why each that there is was passed over; LOCK_TIMEOUT when somebody keeps the state
 * locked; NO_SPACE. The state is as it was then.
 */
export async function restoreState(dataFolder: string, options: RestoreOptions): Promise<Restored> {
  const { name, locks, from, log } = options
  const path = statePath(dataFolder, name)
  const backup = await chooseBackup(dataFolder, name, from)
  const heights = [await heightOfFile(backup.path, lockOfState(name)), await heightOfFile(path, lockOfState(name))]
  // The locks may be new, as after the loss of their file: the states know how far their tokens have come.
  const tokenAbove = Math.max(...heights.map((height) => height?.token ?? 0))
  const lock = await locks.acquire(lockOfState(name), { operation: 'state restore', waitMs: WAIT_MS, tokenAbove })
  try {
    await fenceOff(path, lock)
    const before = await heightOfFile(path, lock.name)
    const partial = `${path}.${process.pid}.part`
    try {
      await copyFile(backup.path, partial)
      const serial = await prepare(partial, Math.max(before?.serial ?? 0, backup.serial), backup, lock)
      const setAside = await replace(partial, path)
      log?.warn({ state: name, backup: backup.path, setAside, serial }, 'a state was restored from a backup')
      return { backup, serial, setAside }
    } finally {
      for (const suffix of ['', '-wal', '-shm']) await rm(partial + suffix, { force: true })
    }
  } finally {
    await lock.release()
  }
}

async function chooseBackup(dataFolder: string, name: string, from: string | undefined): Promise<Backup> {
  const candidates = from === undefined ? await listBackups(dataFolder, name) : [await describeBackup(from)]
  const problems: string[] = []
  for (const backup of candidates) {
    const { head, damages } = await inspectFile(backup.path, lockOfState(name))
    const [damage] = damages
    if (head && !damage) return { ...backup, serial: head.serial }
    problems.push(`${backup.path}: ${damage?.what}: ${damage?.problem}`)
  }
  const why = problems.length > 0 ? `:\n  ${problems.join('\n  ')}` : ': there is none'
  throw new HoldfastError('NO_GOOD_BACKUP', `the state ${name} has no good backup${why}`, {
    hint: 'An exported file can be brought in with: holdfast state import FILE',
  })
}

/** Serials and fencing tokens go on above all that anybody has seen. */
async function prepare(partial: string, newest: number, backup: Backup, lock: Lock): Promise<number> {
  const store = await SqliteState.open(partial, { lock: lock.name, keepSerials: Infinity })
  try {
    const operation = `restore of serial ${backup.serial}`
    const about = { id: randomUUID(), at: Date.now(), who: lock.info.who, operation }
    const { serial } = await store.skipTo(newest + 1, about, lock.fences)
    return serial
  } finally {
    await store.close()
  }
}

/** The log of the old file goes first: SQLite would take it for the new one's. */
async function replace(partial: string, path: string): Promise<string | null> {
  const aside = `${path}.replaced-${new Date().toISOString().replaceAll(':', '')}`
  const isThere = await exists(path)
  if (isThere) {
    await link(path, aside)
    if (await exists(`${path}-wal`)) await rename(`${path}-wal`, `${aside}-wal`)
    await rm(`${path}-shm`, { force: true })
  }
  await publishFile(partial, path)
  return isThere ? aside : null
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
