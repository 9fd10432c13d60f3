/** Files that are whole and on the disk, or not there: what a power failure must not undo. */
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { identityName, systemErrorCode } from '../base/index.ts'

/** Folders of some network file systems have no fsync. */
const NO_FSYNC = ['EINVAL', 'ENOTSUP', 'EBADF']

/**
 * Writes a small file whole or not at all; durable when it returns, with all earlier renames in its folder.
 * @param mode Less what the process's umask takes away.
 */
export function writeDurably(path: string, text: string, mode = 0o600): void {
  const temporary = `${path}.${identityName()}.part`
  try {
    writeFileSync(temporary, text, { mode, flush: true })
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  whereFsync(() => syncFile(dirname(path)))
}

/** Waits until a file's bytes, or a folder's entries, are on the disk. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Gives a finished file its name, durably: its bytes first, then its entry in the folder. */
export async function publishFile(partial: string, path: string): Promise<void> {
  await syncBytes(partial)
  await rename(partial, path)
  await syncFolder(dirname(path))
}

/** Resolves when a file's bytes are on the disk. */
export async function syncBytes(path: string): Promise<void> {
  await using file = await open(path, 'r')
  await file.sync()
}

/** Makes renames in a folder survive a power failure, where its file system can. */
export async function syncFolder(path: string): Promise<void> {
  try {
    await syncBytes(path)
  } catch (error) {
    if (!isWithoutFsync(error)) throw error
  }
}

function whereFsync(sync: () => void): void {
  try {
    sync()
  } catch (error) {
    if (!isWithoutFsync(error)) throw error
  }
}

function isWithoutFsync(error: unknown): boolean {
  return NO_FSYNC.includes(systemErrorCode(error) ?? '')
}
