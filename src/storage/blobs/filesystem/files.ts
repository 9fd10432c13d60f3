/** Calls to the file system that take a missing file for an answer. */
import type { Stats } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { systemErrorCode } from '../../../base/index.ts'

/** @returns whether there was such a file. */
export function removeIfThere(path: string): Promise<boolean> {
  return ifThere(async () => (await rm(path), true), false)
}

/** @returns whether there was such a file. */
export function renameIfThere(from: string, to: string): Promise<boolean> {
  return ifThere(async () => (await rename(from, to), true), false)
}

/** @returns null where there is none. */
export function statIfThere(path: string): Promise<Stats | null> {
  return ifThere(() => stat(path), null)
}

async function ifThere<Found, Otherwise>(task: () => Promise<Found>, otherwise: Otherwise): Promise<Found | Otherwise> {
  try {
    return await task()
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return otherwise
    throw error
  }
}

/**
 * Only this one: where `files/` itself is gone, a new one would lie on another disk. @returns whether it was missing.
 */
export async function makeOne(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 })
    return true
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false
    throw error
  }
}
