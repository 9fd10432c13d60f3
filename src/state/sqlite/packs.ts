/**
 * Where the texts of builds are: in packs, each the builds of one save, or some 128 kB of them. A pack never changes,
 * but moves, with nothing that refers to it changed: a small one is born in the row of its save, so that the save
 * writes one page less, and what many small ones hold goes into one compressed block later. Builds are much alike, so
 * packing compresses them to a tenth where one by one it is half.
 */
import type { DatabaseSync } from 'node:sqlite'
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { LazyStatement } from '../../storage/index.ts'

/** Where a version of a build lies. */
export interface Place {
  pack: number
  /** Bytes within the pack. */
  start: number
  size: number
  /** crc32 of the build's name and text. */
  checksum: number
}

export const PACKS_SCHEMA = `
  CREATE TABLE blocks (
    id INTEGER PRIMARY KEY AUTOINCREMENT, live INTEGER NOT NULL, checksum INTEGER NOT NULL, body BLOB NOT NULL);
  CREATE TABLE packs (
    id INTEGER PRIMARY KEY, live INTEGER NOT NULL, form INTEGER NOT NULL, block INTEGER, start INTEGER, size INTEGER NOT NULL,
    checksum INTEGER NOT NULL, body BLOB);`

/** How a pack's bytes are kept: as they are, compressed, or within a block. The numbers stand in the file. */
export const RAW = 0
const COMPRESSED = 1
export const IN_BLOCK = 2
/** Stands in no file: in the row of its save, without a checksum of its own, as each text in it has one. */
const IN_SAVE = 3

/** Bytes of a full pack before compression. Beginning to unpack one costs as much as unpacking 64 kB. */
const PACK_BYTES = 128 * 1024
/** As much of a block, whose texts have less to do with each other: a reader of one seldom needs the others. */
export const BLOCK_BYTES = 64 * 1024
/** Below this a pack is left for compaction: compressing one build costs more than writing it. */
const COMPRESS_FROM_BYTES = 16 * 1024
/** Packs of one save: ids are the serial followed by this many places. */
export const PACKS_PER_SERIAL = 2 ** 20
/** The least that zlib takes for the size of its pieces. */
const MIN_CHUNK_BYTES = 64
/** Bytes of unpacked packs and blocks that are kept in memory. */
const CACHE_BYTES = 4 * 1024 * 1024
export const ZSTD_OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** The one pack of a save that is small; good until the next save. */
export interface SmallPack {
  /** Versions of builds in it. */
  live: number
  body: Buffer
}

export interface PackedSave {
  /** Where the texts are, in their order. */
  places: Place[]
  small: SmallPack | null
}

interface PackRow {
  form: number
  block: number | null
  start: number | null
  size: number
  checksum: number
  body: Uint8Array | null
}

/** A pack, block or build that is not as it was written. The driver says where. */
export class PackDamage extends Error {}

export class Packs {
  readonly #insert: LazyStatement
  readonly #select: LazyStatement
  readonly #selectBlock: LazyStatement
  /** Where packs are put together, one after the other. */
  readonly #room = Buffer.allocUnsafeSlow(PACK_BYTES)
  readonly #cache = new Map<number, Buffer>()
  #cachedBytes = 0

  constructor(connection: DatabaseSync) {
    const prepare = (text: string) => new LazyStatement(connection, text)
    this.#insert = prepare('INSERT INTO packs VALUES (?, ?, ?, NULL, NULL, ?, ?, ?)')
    this.#select = prepare(`
      SELECT form, block, start, size, checksum, body FROM packs WHERE id = ?1
      UNION ALL
      SELECT ${IN_SAVE}, NULL, NULL, length(pack), NULL, pack FROM saves WHERE serial = ?2 AND pack IS NOT NULL
      LIMIT 1`)
    this.#selectBlock = prepare('SELECT checksum, body FROM blocks WHERE id = ?')
  }

  /** Writes the texts of one save, except a small pack, which is for the row of the save. */
  write(serial: number, builds: readonly { name: string; body: string }[]): PackedSave {
    const first = serial * PACKS_PER_SERIAL
    const places: Place[] = []
    let raw = this.#room
    let [pack, live, bytes] = [first, 0, 0]
    for (const { name, body } of builds) {
      const size = Buffer.byteLength(body)
      if (live > 0 && bytes + size > PACK_BYTES) {
        this.#insertPack(pack, live, raw.subarray(0, bytes))
        pack += 1
        live = 0
        bytes = 0
      }
      if (size > raw.length) raw = Buffer.allocUnsafeSlow(size)
      raw.write(body, bytes)
      places.push({ pack, start: bytes, size, checksum: checksumOf(name, raw.subarray(bytes, bytes + size)) })
      live += 1
      bytes += size
    }
    const last = raw.subarray(0, bytes)
    if (pack === first && bytes < COMPRESS_FROM_BYTES) return { places, small: live > 0 ? { live, body: last } : null }
    this.#insertPack(pack, live, last)
    return { places, small: null }
  }

  /** @throws PackDamage. */
  read(name: string, place: Place): string {
    const bytes = this.#bytes(place.pack).subarray(place.start, place.start + place.size)
    if (bytes.length !== place.size || checksumOf(name, bytes) !== place.checksum) {
      throw new PackDamage(`its text does not match its checksum (pack ${place.pack})`)
    }
    return bytes.toString()
  }

  /** Takes the pack of a save's row, which was read, into the memory of packs. */
  remember(serial: number, bytes: Uint8Array): void {
    const pack = serial * PACKS_PER_SERIAL
    if (!this.#cache.has(pack)) this.#remember(pack, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
  }

  #insertPack(pack: number, live: number, raw: Buffer): void {
    const [form, stored] =
      raw.length < COMPRESS_FROM_BYTES ? [RAW, raw] : [COMPRESSED, zstdCompressSync(raw, ZSTD_OPTIONS)]
    this.#insert.run(pack, live, form, raw.length, crc32(stored), stored)
  }

  #bytes(pack: number): Buffer {
    const cached = this.#cache.get(pack)
    if (cached) return cached
    const row = this.#select.get(pack, serialOf(pack)) as PackRow | undefined
    if (!row) throw new PackDamage(`pack ${pack} is missing`)
    if (row.form === IN_SAVE && row.body) return this.#remember(pack, Buffer.from(row.body))
    if (row.form === IN_BLOCK) return this.#slice(pack, row)
    return this.#remember(pack, sized(`pack ${pack}`, this.#decode(`pack ${pack}`, row, row.form, row.size), row.size))
  }

  #slice(pack: number, { block, start, size }: PackRow): Buffer {
    if (block === null || start === null) throw new PackDamage(`pack ${pack} has no place`)
    const bytes = this.#cache.get(-block) ?? this.#remember(-block, this.#block(block))
    return sized(`pack ${pack} in block ${block}`, bytes.subarray(start, start + size), size)
  }

  #block(block: number): Buffer {
    const row = this.#selectBlock.get(block) as Pick<PackRow, 'checksum' | 'body'> | undefined
    if (!row) throw new PackDamage(`block ${block} is missing`)
    return this.#decode(`block ${block}`, row, COMPRESSED, BLOCK_BYTES)
  }

  /** @param key The pack's id, or a block's negated. Neither is ever used again for other bytes. */
  #remember(key: number, bytes: Buffer): Buffer {
    this.#cache.set(key, bytes)
    this.#cachedBytes += bytes.length
    for (const [oldest, { length }] of this.#cache) {
      if (this.#cachedBytes <= CACHE_BYTES) break
      this.#cache.delete(oldest)
      this.#cachedBytes -= length
    }
    return bytes
  }

  /** @param size Bytes to expect: the default pieces of 16 kB would have to be put together afterwards. */
  #decode(what: string, { body, checksum }: Pick<PackRow, 'checksum' | 'body'>, form: number, size: number): Buffer {
    if (!body || crc32(body) !== checksum) throw new PackDamage(`${what} does not match its checksum`)
    return form === RAW ? Buffer.from(body) : zstdDecompressSync(body, { chunkSize: Math.max(size, MIN_CHUNK_BYTES) })
  }
}

/** The save that wrote a pack. */
function serialOf(pack: number): number {
  return Math.floor(pack / PACKS_PER_SERIAL)
}

function sized(what: string, bytes: Buffer, size: number): Buffer {
  if (bytes.length === size) return bytes
  throw new PackDamage(`${what} has ${bytes.length} bytes instead of ${size}`)
}

function checksumOf(name: string, body: Uint8Array): number {
  return crc32(body, crc32(name))
}
