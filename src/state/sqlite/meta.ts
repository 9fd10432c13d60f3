/**
 * The few facts of a state that are not builds, and the highest fencing token of each lock that ever guarded a save.
 */
import { randomUUID } from 'node:crypto'
import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { LazyStatement } from '../../storage/index.ts'
import { StateError } from '../errors.ts'

/** Rises when an older Holdfast could no longer read the file. */
const FORMAT = 3

/** Statements that make the table, with the lineage of a new state. */
export function metaSchema(): string {
  const rows = [row('format', String(FORMAT)), row('lineage', randomUUID()), row('emptied', '0'), row('moved', '0')]
  return `
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO meta VALUES ${rows.join(', ')};`
}

/** A row of `meta` that is not as it was written. */
export class MetaDamage extends Error {}

export class Meta {
  readonly lineage: string
  readonly #fences = new Map<string, number>()
  readonly #get: LazyStatement
  readonly #put: LazyStatement
  readonly #all: LazyStatement

  /** @throws STATE_TOO_NEW; MetaDamage, as all that read here. */
  constructor(connection: DatabaseSync) {
    this.#get = new LazyStatement(connection, 'SELECT value, checksum FROM meta WHERE key = ?')
    this.#put = new LazyStatement(connection, 'INSERT OR REPLACE INTO meta VALUES (?, ?, ?)')
    this.#all = new LazyStatement(connection, 'SELECT key FROM meta')
    const format = Number(this.#read('format'))
    if (format > FORMAT) {
      throw new StateError('STATE_TOO_NEW', `the state has format ${format}, this Holdfast knows ${FORMAT}`, {
        hint: 'Use the Holdfast that wrote it, or a newer one.',
      })
    }
    // Only development versions wrote formats 1 and 2.
    if (format < FORMAT) throw new MetaDamage(`its format ${format} was never released`)
    this.lineage = this.#read('lineage')
  }

  fence(lock: string): number {
    const known = this.#fences.get(lock)
    if (known !== undefined) return known
    const token = Number(this.#find(`fence ${lock}`) ?? 0)
    this.#fences.set(lock, token)
    return token
  }

  setFence(lock: string, token: number): void {
    this.#write(`fence ${lock}`, String(token))
    this.#fences.delete(lock)
  }

  /** To be called whenever what is known may be wrong: others have written, or what was written was undone. */
  forgetFences(): void {
    this.#fences.clear()
  }

  /** The saves up to this one have no packs in their rows. */
  emptiedUpTo(): number {
    return Number(this.#read('emptied'))
  }

  setEmptiedUpTo(serial: number): void {
    this.#write('emptied', String(serial))
  }

  /** Small packs up to this one have been moved into blocks. */
  movedUpTo(): number {
    return Number(this.#read('moved'))
  }

  setMovedUpTo(pack: number): void {
    this.#write('moved', String(pack))
  }

  /** Reads every row. */
  check(): void {
    for (const { key } of this.#all.all()) this.#read(String(key))
  }

  #read(key: string): string {
    const value = this.#find(key)
    if (value === null) throw new MetaDamage(`its "${key}" is missing`)
    return value
  }

  #find(key: string): string | null {
    const found = this.#get.get(key) as { value: string; checksum: number } | undefined
    if (!found) return null
    if (checksumOf(key, found.value) !== found.checksum)
      throw new MetaDamage(`its "${key}" does not match its checksum`)
    return found.value
  }

  #write(key: string, value: string): void {
    this.#put.run(key, value, checksumOf(key, value))
  }
}

function checksumOf(key: string, value: string): number {
  return crc32(`${key}=${value}`)
}

function row(key: string, value: string): string {
  return `('${key}', '${value}', ${checksumOf(key, value)})`
}
