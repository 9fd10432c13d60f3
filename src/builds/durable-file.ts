import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { identityName } from '../base/index.ts'

/** Waits until the file's bytes, or a folder's names, are on the disk. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/**
 * Writes a small file whole or not at all. When it returns, it and all renames in its folder before are on the disk.
 * @param mode less what the process's umask takes away.
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
  syncFile(dirname(path))
}
