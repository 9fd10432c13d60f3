/**
 * Puts a backup in the place of a state's file. The replaced file, damaged or not, stays beside it; handles that have
 * it open get STATE_REPLACED at their next call, so that no save goes to a file that is never read.
 */
import { randomUUID } from 'node:crypto'
import { link, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { systemErrorCode } from '../../base/index.ts'
import type { Lock } from '../../lock/index.ts'
import { makeFolder, publishFile, syncBytes } from '../../storage/index.ts'
import type { Backup, Restored } from '../engine.ts'
import { copyState, fenceOff, heightOfFile, removeDatabase } from './backup-files.ts'
import { SqliteState } from './sqlite-state.ts'

/** @param lock The state's lock, held. */
export async function putInPlace(path: string, backup: Backup, lock: Lock): Promise<Restored> {
  await fenceOff(path, lock)
  const before = await heightOfFile(path, lock.name)
  makeFolder(dirname(path))
  const partial = `${path}.${process.pid}.part`
  try {
    // A process with our pid may have died over it.
    await removeDatabase(partial)
    await copyState(backup.path, partial, lock.name)
    const serial = await prepare(partial, before?.serial ?? 0, lock)
    const setAside = await replace(partial, path)
    return { backup, serial, setAside }
  } finally {
    await removeDatabase(partial)
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
  // Before the moves, so that they follow each other at once: a reader in between finds the old file without its log.
  await syncBytes(partial)
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
