/**
 * Backups as files: `states/NAME.backups/20260102-030405-serial-12.db`, each a whole state that can be opened by
 * itself.
 */
import { existsSync } from 'node:fs'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { HoldfastError, messageOf, systemErrorCode } from '../../base/index.ts'
import type { Lock } from '../../lock/index.ts'
import { isInaccessible, openSqliteFile } from '../../storage/index.ts'
import type { Backup } from '../engine.ts'
import { StateDamagedError } from '../errors.ts'
import type { Damage, StateHead } from '../state-store.ts'
import { SqliteState } from './sqlite-state.ts'
import { StateError } from '../errors.ts'

const NAME = /^\d{8}-\d{6}\d*-serial-(\d+)\.db$/

/** The backups in a folder, newest first. @throws DATA_FOLDER_UNUSABLE when it may not be read. */
export async function listBackups(folder: string): Promise<Backup[]> {
  const names = (await unlessGone(namesIn(folder))) ?? []
  const files = names
    .filter((file) => NAME.test(file))
    .toSorted()
    .toReversed()
  // Another process may be dropping old ones.
  const backups = await Promise.all(files.map((file) => unlessGone(describeBackup(join(folder, file)))))
  return backups.filter((backup) => backup !== null)
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (!isInaccessible(error)) throw error
    throw new StateError('DATA_FOLDER_UNUSABLE', `the backups in ${folder} cannot be read: ${messageOf(error)}`, {
      hint: 'Check that this user may read and write the folder.',
      cause: error,
    })
  }
}

/** The result, or null when the file is missing. */
export async function unlessGone<T>(found: Promise<T>): Promise<T | null> {
  return found.catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw error
  })
}

export async function describeBackup(path: string): Promise<Backup> {
  const { mtime, size } = await stat(path)
  return { path, serial: Number(NAME.exec(path.split('/').at(-1) ?? '')?.[1] ?? 0), at: mtime, sizeBytes: size }
}

/** A name that sorts by time, also within a second. */
export function backupName(at: Date, serial: number): string {
  const digits = at.toISOString().replaceAll(/\D/g, '')
  return `${digits.slice(0, 8)}-${digits.slice(8)}-serial-${serial}.db`
}

/**
 * Opens a state's file apart from its folder and reads all of it.
 * @returns its head, null when it could not even be opened, and what is damaged.
 */
export async function inspectFile(path: string, lock: string): Promise<{ head: StateHead | null; damages: Damage[] }> {
  return withFile(
    path,
    lock,
    async (store) => ({ head: await store.head(), damages: await store.verify() }),
    (problem) => ({ head: null, damages: [{ what: 'file', problem }] }),
  )
}

/** The newest serial and the highest fencing token in a state's file, or null when it cannot be read. */
export function heightOfFile(path: string, lock: string): Promise<{ serial: number; token: number } | null> {
  return withFile(
    path,
    lock,
    async (store) => ({ serial: (await store.head()).serial, token: await store.fenceOf(lock) }),
    () => null,
  )
}

/**
 * Fences off writers of a state's file that have not noticed the loss of their lock. A file that cannot be read
 * admits none.
 */
export async function fenceOff(path: string, lock: Lock): Promise<void> {
  await withFile(
    path,
    lock.name,
    async (store) => {
      for (const fence of lock.fences) await store.raiseFence(fence)
      // Whole by itself, should this process end between the moves of the file and of its log.
      store.truncateLog()
    },
    () => {},
  )
}

/** @param otherwise What there is instead when the file cannot be read. */
async function withFile<Found, Otherwise>(
  path: string,
  lock: string,
  use: (store: SqliteState) => Promise<Found>,
  otherwise: (problem: string) => Otherwise,
): Promise<Found | Otherwise> {
  try {
    await assertState(path)
    const store = await SqliteState.open(path, { lock, keepSerials: Infinity })
    try {
      return await use(store)
    } finally {
      await store.close()
    }
  } catch (error) {
    if (error instanceof HoldfastError && ['STATE_TOO_NEW', 'LOCK_LOST'].includes(error.code)) throw error
    return otherwise(messageOf(error))
  }
}

/**
 * Opening would make a state of an empty file, and change the settings of another program's database.
 * @throws why not.
 */
async function assertState(path: string): Promise<void> {
  const found = await stat(path)
  if (!found.isFile()) throw new StateDamagedError(path, 'it is not a regular file')
  if (found.size === 0) throw new StateDamagedError(path, 'it is empty')
  const connection = await openSqliteFile(path, { durability: 'full', readOnly: true })
  try {
    connection.prepare('SELECT key FROM meta').get()
  } finally {
    connection.close()
  }
}

/** Copies a state as its newest save left it: the file's bytes alone may lack what is still in its log. */
export async function copyState(path: string, target: string, lock: string): Promise<void> {
  // Opening would create it.
  if (!existsSync(path)) throw new StateError('NOT_FOUND', `there is no state in ${path}`)
  const store = await SqliteState.open(path, { lock, keepSerials: Infinity })
  try {
    await store.copyTo(target)
  } finally {
    await store.close()
  }
}

/** Removes a database with its side files. */
export async function removeDatabase(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm', '-journal']) await rm(path + suffix, { force: true })
}
