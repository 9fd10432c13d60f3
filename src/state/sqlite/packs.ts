/**
 * Where the texts of builds are: in packs, each the builds of one save, or some 64 kB of them. A pack never changes;
 * what many small ones hold moves into one compressed block later, with nothing that refers to them changed. Builds are
 * much alike, so packing compresses them to a tenth where one by one it is half.
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
const RAW = 0
const COMPRESSED = 1
const IN_BLOCK = 2

/** Bytes of a full pack or block before compression. */
const PACK_BYTES = 64 * 1024
/** Below this a pack is left for compaction: compressing one build costs more than writing it. */
const COMPRESS_FROM_BYTES = 16 * 1024
/** Packs of one save: ids are the serial followed by this many places. */
const PACKS_PER_SERIAL = 2 ** 20
const MAX_PACKS_A_BLOCK = 1024
const CACHED_PACKS = 64
/** Most blocks fit into one piece then; the default pieces of 16 kB are put together afterwards. */
const UNPACK_OPTIONS = { chunkSize: PACK_BYTES + 4096 }
const ZSTD_OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

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
  readonly #decrement: LazyStatement
  readonly #deleteDead: LazyStatement
  readonly #rawPacks: LazyStatement
  readonly #moveToBlock: LazyStatement
  readonly #insertBlock: LazyStatement
  readonly #decrementBlock: LazyStatement
  readonly #deleteBlock: LazyStatement
  readonly #cache = new Map<number, Buffer>()

  constructor(connection: DatabaseSync) {
    const prepare = (text: string) => new LazyStatement(connection, text)
    this.#insert = prepare('INSERT INTO packs VALUES (?, ?, ?, NULL, NULL, ?, ?, ?)')
    this.#select = prepare('SELECT form, block, start, size, checksum, body FROM packs WHERE id = ?')
    this.#selectBlock = prepare('SELECT checksum, body FROM blocks WHERE id = ?')
    this.#decrement = prepare('UPDATE packs SET live = live - ?2 WHERE id = ?1 RETURNING live, block')
    this.#deleteDead = prepare('DELETE FROM packs WHERE id = ?')
    this.#rawPacks = prepare(
      `SELECT id, size, checksum, body FROM packs WHERE id > ? AND form = ${RAW} ORDER BY id LIMIT ?`,
    )
    this.#moveToBlock = prepare(`UPDATE packs SET form = ${IN_BLOCK}, block = ?, start = ?, body = NULL WHERE id = ?`)
    this.#insertBlock = prepare('INSERT INTO blocks (live, checksum, body) VALUES (?, ?, ?)')
    this.#decrementBlock = prepare('UPDATE blocks SET live = live - 1 WHERE id = ? RETURNING live')
    this.#deleteBlock = prepare('DELETE FROM blocks WHERE id = ?')
  }

  /** Writes the texts of one save. @returns their places, in their order. */
  write(serial: number, builds: readonly { name: string; body: string }[]): Place[] {
    const places: Place[] = []
    let pack = serial * PACKS_PER_SERIAL
    let parts: Buffer[] = []
    let bytes = 0
    const flush = () => {
      if (parts.length > 0) this.#put(pack++, parts, bytes)
      parts = []
      bytes = 0
    }
    for (const { name, body } of builds) {
      const part = Buffer.from(body)
      if (bytes > 0 && bytes + part.length > PACK_BYTES) flush()
      places.push({ pack, start: bytes, size: part.length, checksum: checksumOf(name, part) })
      parts.push(part)
      bytes += part.length
    }
    flush()
    return places
  }

  /** @throws PackDamage. */
  read(name: string, place: Place): string {
    const bytes = this.#bytes(place.pack).subarray(place.start, place.start + place.size)
    if (bytes.length !== place.size || checksumOf(name, bytes) !== place.checksum) {
      throw new PackDamage(`its text does not match its checksum (pack ${place.pack})`)
    }
    return bytes.toString()
  }

  /** Reads from the file from now on, not from memory. */
  clearCache(): void {
    this.#cache.clear()
  }

  /** Notes that `count` versions in the pack are referred to by nothing any more; drops what holds none. */
  forget(pack: number, count: number): void {
    const left = this.#decrement.get(pack, count) as { live: number; block: number | null } | undefined
    if (!left || left.live > 0) return
    this.#deleteDead.run(pack)
    this.#cache.delete(pack)
    if (left.block === null) return
    const block = this.#decrementBlock.get(left.block) as { live: number } | undefined
    if (block?.live === 0) this.#deleteBlock.run(left.block)
  }

  /**
   * Moves one block's worth of small packs into a block.
   * @param after Only packs with greater ids are looked at.
   * @returns the last one moved, or null when there are none that are worth it.
   */
  moveSmallPacks(after: number): number | null {
    const rows = this.#rawPacks.all(after, MAX_PACKS_A_BLOCK) as unknown as (PackRow & {
      id: number
      body: Uint8Array
    })[]
    let bytes = 0
    const chosen = rows.filter((row) => (bytes += row.size) <= PACK_BYTES)
    const last = chosen.at(-1)
    if (!last || chosen.length < 2) return null
    // A damaged pack stays where it is, for verify to name.
    const sound = chosen.filter((row) => crc32(row.body) === row.checksum)
    const body = zstdCompressSync(Buffer.concat(sound.map((row) => row.body)), ZSTD_OPTIONS)
    const block = Number(this.#insertBlock.run(sound.length, crc32(body), body).lastInsertRowid)
    let start = 0
    for (const { id, size } of sound) {
      this.#moveToBlock.run(block, start, id)
      start += size
    }
    return last.id
  }

  #put(id: number, parts: readonly Buffer[], size: number): void {
    const raw = Buffer.concat(parts)
    const isSmall = size < COMPRESS_FROM_BYTES
    const body = isSmall ? raw : zstdCompressSync(raw, ZSTD_OPTIONS)
    this.#insert.run(id, parts.length, isSmall ? RAW : COMPRESSED, size, crc32(body), body)
  }

  #bytes(pack: number): Buffer {
    const cached = this.#cache.get(pack)
    if (cached) return cached
    const row = this.#select.get(pack) as PackRow | undefined
    if (!row) throw new PackDamage(`pack ${pack} is missing`)
    if (row.form === IN_BLOCK) return this.#slice(pack, row)
    return this.#remember(pack, sized(`pack ${pack}`, this.#decode(`pack ${pack}`, row, row.form), row.size))
  }

  #slice(pack: number, { block, start, size }: PackRow): Buffer {
    if (block === null || start === null) throw new PackDamage(`pack ${pack} has no place`)
    const bytes = this.#cache.get(-block) ?? this.#remember(-block, this.#block(block))
    return sized(`pack ${pack} in block ${block}`, bytes.subarray(start, start + size), size)
  }

  #block(block: number): Buffer {
    const row = this.#selectBlock.get(block) as Pick<PackRow, 'checksum' | 'body'> | undefined
    if (!row) throw new PackDamage(`block ${block} is missing`)
    return this.#decode(`block ${block}`, row, COMPRESSED)
  }

  /** @param key The pack's id, or a block's negated. Neither is ever used again for other bytes. */
  #remember(key: number, bytes: Buffer): Buffer {
    if (this.#cache.size >= CACHED_PACKS) this.#cache.delete(this.#cache.keys().next().value ?? 0)
    this.#cache.set(key, bytes)
    return bytes
  }

  #decode(what: string, { body, checksum }: Pick<PackRow, 'checksum' | 'body'>, form: number): Buffer {
    if (!body || crc32(body) !== checksum) throw new PackDamage(`${what} does not match its checksum`)
    return form === RAW ? Buffer.from(body) : zstdDecompressSync(body, UNPACK_OPTIONS)
  }
}

function sized(what: string, bytes: Buffer, size: number): Buffer {
  if (bytes.length === size) return bytes
  throw new PackDamage(`${what} has ${bytes.length} bytes instead of ${size}`)
}

function checksumOf(name: string, body: Uint8Array): number {
  return crc32(body, crc32(name))
}
