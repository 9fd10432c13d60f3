/**
 * The log of saves: who saved what, where the state stood then, and what it needs to be undone, which is the history.
 * The newest row is the state's head.
 */
import type { DatabaseSync } from 'node:sqlite'
import { crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { LazyStatement } from '../../storage/index.ts'
import type { SaveRecord } from '../state-store.ts'
import type { Place, SmallPack } from './packs.ts'

export const SAVES_SCHEMA = `
  CREATE TABLE saves (
    serial INTEGER PRIMARY KEY, id TEXT NOT NULL, at INTEGER NOT NULL, who TEXT NOT NULL, operation TEXT NOT NULL,
    token INTEGER NOT NULL, builds INTEGER NOT NULL, digest INTEGER NOT NULL, undo BLOB NOT NULL, checksum INTEGER NOT NULL,
    live INTEGER, pack BLOB);`

/** All but the pack, which only readers of a build need. */
const COLUMNS = 'serial, id, at, who, operation, token, builds, digest, undo, checksum'

/** Longer undo lists are compressed. */
const COMPRESS_FROM_BYTES = 1000
const ZSTD_MAGIC = 0x28

/** A build that a save wrote or removed. */
export interface Undo {
  name: string
  /** The version that was there before; null when there was none. */
  previous: (Place & { serial: number }) | null
  /** Where its own version is, when that was born in the row of the save; null when it removed the build. */
  now?: Place | null
}

export interface SaveRow {
  serial: number
  id: string
  at: number
  who: string
  operation: string
  /** Highest fencing token of the state's lock so far. */
  token: number
  /** Builds after the save. */
  builds: number
  /** XOR of the digests of all heads after the save: shows a head that is missing or from another time. */
  digest: number
}

/** A row of the log, checked. */
export interface StoredRow extends SaveRow {
  undo: Uint8Array
  /** Null when it is not, or no longer, in the row, or was not asked for. */
  pack: Uint8Array | null
}

export type Save = SaveRow & { undo: Undo[]; pack: Uint8Array | null }

/** As node:sqlite gives it quickest. */
type Columns = [
  serial: number,
  id: string,
  at: number,
  who: string,
  operation: string,
  token: number,
  builds: number,
  digest: number,
  undo: Uint8Array,
  checksum: number,
  pack?: Uint8Array | null,
]

/** A row of the log that is not as it was written. */
export class SaveDamage extends Error {
  readonly serial: number
  constructor(serial: number) {
    super(`the record of save ${serial} does not match its checksum`)
    this.serial = serial
  }
}

export class SaveLog {
  readonly #newest: LazyStatement
  readonly #insert: LazyStatement
  readonly #oldest: LazyStatement
  readonly #after: LazyStatement
  readonly #young: LazyStatement
  readonly #downwards: LazyStatement
  readonly #delete: LazyStatement

  constructor(connection: DatabaseSync) {
    const prepare = (text: string) => new LazyStatement(connection, text, { returnArrays: true })
    this.#newest = prepare(`SELECT ${COLUMNS}, pack FROM saves ORDER BY serial DESC LIMIT 1`)
    this.#insert = prepare('INSERT INTO saves VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
    this.#oldest = prepare(`SELECT ${COLUMNS} FROM saves ORDER BY serial LIMIT 1`)
    this.#after = prepare(`SELECT ${COLUMNS} FROM saves WHERE serial > ? ORDER BY serial`)
    this.#young = prepare(`SELECT ${COLUMNS}, pack FROM saves WHERE serial > ? ORDER BY serial`)
    this.#downwards = prepare(`SELECT ${COLUMNS} FROM saves ORDER BY serial DESC`)
    this.#delete = prepare('DELETE FROM saves WHERE serial = ? AND pack IS NULL')
  }

  /** @throws SaveDamage, as all that read here. */
  newest(): StoredRow | null {
    const row = this.#newest.get()
    return row ? checkedRow(row) : null
  }

  oldest(): Save | null {
    const row = this.#oldest.get()
    return row ? readSave(row) : null
  }

  /** @param small The texts of the save, when they are so few that they go into its row. */
  append(row: SaveRow, undo: readonly Undo[], small: SmallPack | null): void {
    const body = encode(undo)
    const { serial, id, at, who, operation, token, builds, digest } = row
    const packed = [small?.live ?? null, small?.body ?? null]
    this.#insert.run(serial, id, at, who, operation, token, builds, digest, body, checksumOf(row, body), ...packed)
  }

  /** @throws when the row still has a pack, which would be lost. */
  delete(serial: number): void {
    if (this.#delete.run(serial).changes !== 1) throw new Error(`the record of save ${serial} still has its pack`)
  }

  /** Saves after a serial, oldest first. */
  *after(serial: number): Iterable<Save> {
    for (const row of this.#after.iterate(serial)) yield readSave(row)
  }

  /** As `after`, with the packs that are in the rows. */
  young(serial: number): Save[] {
    return this.#young.all(serial).map(readSave)
  }

  /** All saves, newest first. */
  *downwards(): Iterable<SaveRecord> {
    for (const stored of this.#downwards.iterate()) {
      const { serial, id, at, who, operation, builds, undo } = readSave(stored)
      yield { serial, id, at, who, operation, buildCount: builds, changed: undo.map(({ name }) => name) }
    }
  }
}

function checkedRow(columns: object): StoredRow {
  const [serial, id, at, who, operation, token, builds, digest, undo, checksum, pack = null] = columns as Columns
  const row = { serial, id, at, who, operation, token, builds, digest, undo, pack }
  if (checksumOf(row, undo) !== checksum) throw new SaveDamage(serial)
  return row
}

function readSave(columns: object): Save {
  return withUndo(checkedRow(columns))
}

export function withUndo({ serial, id, at, who, operation, token, builds, digest, undo, pack }: StoredRow): Save {
  return { serial, id, at, who, operation, token, builds, digest, undo: decode(undo), pack }
}

function checksumOf({ serial, id, at, who, operation, token, builds, digest }: SaveRow, undo: Uint8Array): number {
  return crc32(undo, crc32(JSON.stringify([serial, id, at, who, operation, token, builds, digest])))
}

type PlaceRow = [pack: number, start: number, size: number, checksum: number]
type UndoRow = [name: string, previous: [serial: number, ...PlaceRow] | null, now?: PlaceRow | null]

/** JSON: `[name, previous, now]`, without `now` when that is not told. */
function encode(undo: readonly Undo[]): Uint8Array {
  const rows = undo.map(({ name, previous, now }): UndoRow => {
    const before: UndoRow[1] = previous && [previous.serial, ...placeRow(previous)]
    return now === undefined ? [name, before] : [name, before, now && placeRow(now)]
  })
  const bytes = Buffer.from(JSON.stringify(rows))
  return bytes.length < COMPRESS_FROM_BYTES ? bytes : zstdCompressSync(bytes)
}

function decode(bytes: Uint8Array): Undo[] {
  const isPacked = bytes[0] === ZSTD_MAGIC
  const text = isPacked ? zstdDecompressSync(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return (JSON.parse(text.toString()) as UndoRow[]).map(undoOf)
}

function undoOf([name, before, now]: UndoRow): Undo {
  const previous = before && versionOf(before)
  return now === undefined ? { name, previous } : { name, previous, now: now && placeOf(now) }
}

function versionOf([serial, ...place]: [serial: number, ...PlaceRow]): Place & { serial: number } {
  return { serial, ...placeOf(place) }
}

function placeRow({ pack, start, size, checksum }: Place): PlaceRow {
  return [pack, start, size, checksum]
}

function placeOf([pack, start, size, checksum]: PlaceRow): Place {
  return { pack, start, size, checksum }
}
