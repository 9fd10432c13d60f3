/** The documents of `state export` and `state import`, as files that people name. */
import { createReadStream } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import type { Writable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { HoldfastError, messageOf } from '../base/index.ts'
import { CommandError } from './errors.ts'

/** The bytes of a file; of standard input for `-`. @throws FILE_UNUSABLE. */
export async function readWhole(path: string): Promise<Buffer> {
  try {
    return await buffer(path === '-' ? process.stdin : createReadStream(path))
  } catch (error) {
    throw unusable(path, 'read', error)
  }
}

/**
 * Writes a new file, for its owner only, that is on the disk when this resolves. An existing file is left alone,
 * and a document that fails in the middle leaves nothing.
 * @param write Writes and ends it. @throws FILE_UNUSABLE; the HoldfastError of `write`.
 */
export async function writeNew(path: string, write: (sink: Writable) => Promise<void>): Promise<void> {
  const file = await open(path, 'wx', 0o600).catch((error: unknown) => {
    throw unusable(path, 'written', error)
  })
  try {
    await write(file.createWriteStream({ flush: true }))
  } catch (error) {
    await rm(path, { force: true })
    throw error instanceof HoldfastError ? error : unusable(path, 'written', error)
  }
}

function unusable(path: string, use: string, error: unknown): HoldfastError {
  return new CommandError('FILE_UNUSABLE', `the file ${path} cannot be ${use}: ${messageOf(error)}`, { cause: error })
}
