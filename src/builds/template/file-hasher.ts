/** SHA-256 of files and folders; big files that have not changed are not read again. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, readlink, realpath, rename, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { randomId, systemErrorCode } from '../../base/index.ts'
import { isDerivedName } from './derived-name.ts'

/** Smaller files are read faster than they are looked up. */
const REMEMBERED_FROM_BYTES = 1_000_000
/** How many hashes are kept: the newest. */
const REMEMBERED_FILES = 1000

const memory = z.record(z.string(), z.object({ identity: z.string(), sha256: z.string() }))

/** One instance for one fingerprint or several; `save` at the end. */
export class FileHasher {
  readonly #memoryFile: string
  readonly #files = new Map<string, string>()
  #memory: z.infer<typeof memory> | null = null
  #changed = false

  /** @param memoryFile where hashes of big files are kept, as JSON; made when missing, begun anew when unreadable. */
  constructor(memoryFile: string) {
    this.#memoryFile = memoryFile
  }

  /** All files that were hashed, by path, in the order of their paths. */
  get files(): { path: string; sha256: string }[] {
    return [...this.#files]
      .map(([path, hash]) => ({ path, sha256: hash }))
      .toSorted((a, b) => (a.path < b.path ? -1 : 1))
  }

  /** The hash of a file, or of a folder with all that is in it; null when there is nothing. */
  async hash(path: string): Promise<string | null> {
    return this.#hash(path, [])
  }

  async #hash(path: string, above: readonly string[]): Promise<string | null> {
    const info = await stat(path, { bigint: true }).catch(absent)
    if (!info) return null
    if (info.isDirectory()) return this.#hashFolder(path, above)
    if (!info.isFile()) return sha256(`neither file nor folder`)
    // A changed file that kept its size and its time of change has a new time of inode change.
    const identity = `${info.dev}:${info.ino}:${info.size}:${info.mtimeNs}:${info.ctimeNs}`
    const hash = info.size < REMEMBERED_FROM_BYTES ? await contentHash(path) : await this.#remembered(path, identity)
    this.#files.set(path, hash)
    return hash
  }

  async #hashFolder(path: string, above: readonly string[]): Promise<string> {
    const real = await realpath(path)
    if (above.includes(real)) return sha256('a link to a folder above')
    const parts: string[] = []
    for (const name of (await readdir(path)).toSorted()) {
      if (isDerivedName(name)) continue
      const inside = join(path, name)
      parts.push(name, (await this.#hash(inside, [...above, real])) ?? `broken link to ${await readlink(inside)}`)
    }
    return sha256(JSON.stringify(parts))
  }

  async #remembered(path: string, identity: string): Promise<string> {
    this.#memory ??= await readMemory(this.#memoryFile)
    const known = this.#memory[path]
    if (known?.identity === identity) return known.sha256
    const hash = await contentHash(path)
    const { [path]: _old, ...others } = this.#memory
    this.#memory = { ...others, [path]: { identity, sha256: hash } }
    this.#changed = true
    return hash
  }

  /** Keeps what was learnt for the next time. Several processes may do so at once: the last one wins. */
  async save(): Promise<void> {
    if (!this.#changed || !this.#memory) return
    await mkdir(dirname(this.#memoryFile), { recursive: true })
    const next = `${this.#memoryFile}.${randomId(10)}`
    await writeFile(next, JSON.stringify(Object.fromEntries(Object.entries(this.#memory).slice(-REMEMBERED_FILES))))
    await rename(next, this.#memoryFile)
    this.#changed = false
  }
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function contentHash(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}

async function readMemory(path: string): Promise<z.infer<typeof memory>> {
  const text = await readFile(path, 'utf8').catch(absent)
  if (text === null) return {}
  try {
    return memory.parse(JSON.parse(text))
  } catch {
    // It saves time and holds nothing else: a damaged one is as good as none.
    return {}
  }
}

function absent(error: unknown): null {
  const code = systemErrorCode(error)
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') return null
  throw error
}
