/**
 * The files that are uploaded: made of a seed as they are sent, never stored and never copied to a machine.
 *
 * The bytes are the keystream of AES-128 in counter mode (NIST SP 800-38A), so they do not compress and cost 0.3 s of
 * CPU a GB. The same seed and size give the same bytes everywhere, so the hash that the server must arrive at is
 * computed once.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { cacheFolder } from '../cache-folder.ts'

const CHUNK_BYTES = 1 << 20
const ZEROES = Buffer.alloc(CHUNK_BYTES)

export interface SeededFile {
  seed: string
  sizeBytes: number
}

/** The bytes, in chunks of at most 1 MiB. Each call begins anew. */
export function* bytesOf({ seed, sizeBytes }: SeededFile, fromByte = 0): Generator<Buffer> {
  const key = createHash('sha256').update(`holdfast-lab ${seed}`).digest().subarray(0, 16)
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  for (let at = 0; at < sizeBytes; at += CHUNK_BYTES) {
    const chunk = cipher.update(ZEROES.subarray(0, Math.min(CHUNK_BYTES, sizeBytes - at)))
    if (at + chunk.length > fromByte) yield chunk.subarray(Math.max(0, fromByte - at))
  }
}

/** SHA-256 of the whole file, lower-case hex; remembered in the cache folder. Lets other work go on meanwhile. */
export async function hashOf(file: SeededFile, signal: AbortSignal): Promise<string> {
  const folder = join(cacheFolder(), 'hashes')
  const path = join(folder, `${createHash('sha256').update(file.seed).digest('hex').slice(0, 16)}-${file.sizeBytes}`)
  const known = readHash(path)
  if (known) return known
  const hash = createHash('sha256')
  for (const chunk of bytesOf(file)) {
    hash.update(chunk)
    await setImmediate(undefined, { signal })
  }
  const hex = hash.digest('hex')
  mkdirSync(folder, { recursive: true })
  writeFileSync(`${path}.${process.pid}`, hex)
  renameSync(`${path}.${process.pid}`, path)
  return hex
}

function readHash(path: string): string | null {
  try {
    const text = readFileSync(path, 'utf8')
    return /^[0-9a-f]{64}$/.test(text) ? text : null
  } catch {
    return null
  }
}
