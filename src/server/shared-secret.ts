/** The owner's passphrase where none is configured: made at the first start and kept in the data folder. */
import { openSync, closeSync, fsyncSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { HoldfastError, randomId, Secret, systemErrorCode } from '../base/index.ts'

export interface SharedSecret {
  secret: Secret
  /** The file that it was just written to, or null when it was there before. */
  madeAt: string | null
}

/** @throws DATA_FOLDER_UNUSABLE when the kept one is empty. */
export function keptSharedSecret(dataFolder: string): SharedSecret {
  const path = join(dataFolder, 'shared-secret')
  try {
    const kept = readFileSync(path, 'utf8').trim()
    if (kept !== '') return { secret: new Secret(kept), madeAt: null }
    throw new HoldfastError('DATA_FOLDER_UNUSABLE', `${path} is empty`, {
      hint: 'Delete it to have a new passphrase made, or set HOLDFAST_SHARED_SECRET.',
    })
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error
  }
  // 20 characters of a 57-letter alphabet: 116 bits.
  const text = Array.from({ length: 5 }, () => randomId(4)).join('-')
  const file = openSync(path, 'wx', 0o600)
  writeSync(file, `${text}\n`)
  fsyncSync(file)
  closeSync(file)
  return { secret: new Secret(text), madeAt: path }
}
