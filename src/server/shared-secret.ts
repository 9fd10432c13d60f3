/** The owner's passphrase where none is configured: made at the first start and kept in the data folder. */
import { openSync, closeSync, fsyncSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { HoldfastError, messageOf, randomId, Secret, systemErrorCode } from '../base/index.ts'
import { ServerError } from './errors.ts'

export interface SharedSecret {
  secret: Secret
  /** The file that it was just written to, or null when it was there before. */
  madeAt: string | null
}

/** @throws DATA_FOLDER_UNUSABLE when the kept one is empty or cannot be read, or none can be kept. */
export function keptSharedSecret(dataFolder: string): SharedSecret {
  const path = join(dataFolder, 'shared-secret')
  const kept = read(path)
  if (kept !== null) return { secret: new Secret(kept), madeAt: null }
  // 20 characters of a 57-letter alphabet: 116 bits.
  const text = Array.from({ length: 5 }, () => randomId(4)).join('-')
  keep(path, text)
  return { secret: new Secret(text), madeAt: path }
}

/** Null when there is none. */
function read(path: string): string | null {
  try {
    const kept = readFileSync(path, 'utf8').trim()
    if (kept !== '') return kept
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null
    throw unusable(`${path} cannot be read: ${messageOf(error)}`, 'Let this user read it', error)
  }
  throw unusable(`${path} is empty`, 'Delete it to have a new passphrase made')
}

function keep(path: string, text: string): void {
  let file: number | null = null
  try {
    file = openSync(path, 'wx', 0o600)
    writeSync(file, `${text}\n`)
    fsyncSync(file)
  } catch (error) {
    // On a full disk: the next start must not find half of it.
    if (file !== null) rmSync(path, { force: true })
    throw unusable(`${path} cannot be written: ${messageOf(error)}`, 'Let this user write it, make room', error)
  } finally {
    if (file !== null) closeSync(file)
  }
}

function unusable(message: string, mend: string, cause?: unknown): HoldfastError {
  const hint = `${mend}, or set HOLDFAST_SHARED_SECRET.`
  return new ServerError('DATA_FOLDER_UNUSABLE', message, { hint, cause })
}
