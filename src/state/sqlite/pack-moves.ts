/** What compaction does with packs: moves them to where they take less space, and drops packs that are not needed. */
import type { DatabaseSync } from 'node:sqlite'
import { crc32, zstdCompressSync } from 'node:zlib'
import { LazyStatement } from '../../storage/index.ts'
import { BLOCK_BYTES, IN_BLOCK, PACKS_PER_SERIAL, RAW, ZSTD_OPTIONS } from './packs.ts'

interface RowWithPack {
  serial: number
  live: number
  pack: Uint8Array
}

interface RawPack {
  id: number
  size: number
  checksum: number
  body: Uint8Array
}

export class PackMoves {
  readonly #smallOnes: LazyStatement
  readonly #insert: LazyStatement
  readonly #emptySave: LazyStatement
  readonly #decrement: LazyStatement
  readonly #deleteDead: LazyStatement
  readonly #rawPacks: LazyStatement
  readonly #moveToBlock: LazyStatement
  readonly #insertBlock: LazyStatement
  readonly #decrementBlock: LazyStatement
  readonly #deleteBlock: LazyStatement

  constructor(connection: DatabaseSync) {
    const prepare = (text: string) => new LazyStatement(connection, text)
    this.#smallOnes = prepare(
      'SELECT serial, live, pack FROM saves WHERE serial > ? AND serial <= ? AND pack IS NOT NULL ORDER BY serial LIMIT ?',
    )
    this.#insert = prepare(`INSERT INTO packs VALUES (?, ?, ${RAW}, NULL, NULL, ?, ?, ?)`)
    this.#emptySave = prepare('UPDATE saves SET live = NULL, pack = NULL WHERE serial = ?')
    this.#decrement = prepare('UPDATE packs SET live = live - ?2 WHERE id = ?1 RETURNING live, block')
    this.#deleteDead = prepare('DELETE FROM packs WHERE id = ?')
    this.#rawPacks = prepare(
      `SELECT id, size, checksum, body FROM packs WHERE id > ? AND id < ? AND form = ${RAW} ORDER BY id`,
    )
    this.#moveToBlock = prepare(`UPDATE packs SET form = ${IN_BLOCK}, block = ?, start = ?, body = NULL WHERE id = ?`)
    this.#insertBlock = prepare('INSERT INTO blocks (live, checksum, body) VALUES (?, ?, ?)')
    this.#decrementBlock = prepare('UPDATE blocks SET live = live - 1 WHERE id = ? RETURNING live')
    this.#deleteBlock = prepare('DELETE FROM blocks WHERE id = ?')
  }

  /**
   * Moves small packs out of the rows of their saves, which may be dropped then.
   * @param after The save up to which that is done. @param last The last save to look at.
   * @returns the save up to which it is done now, after `limit` packs at most.
   */
  outOfSaves(after: number, last: number, limit: number): number {
    const rows = this.#smallOnes.all(after, last, limit) as unknown as RowWithPack[]
    for (const { serial, live, pack } of rows) {
      this.#insert.run(serial * PACKS_PER_SERIAL, live, pack.length, crc32(pack), pack)
      this.#emptySave.run(serial)
    }
    return rows.length < limit ? last : (rows.at(-1)?.serial ?? last)
  }

  /**
   * Moves one block's worth of small packs into a block.
   * @param after Only packs with greater ids are looked at. @param lastSave Only packs of saves up to this serial: of
   * later ones there may be packs that are still in the rows.
   * @returns the last one moved, or null when there are none that are worth it.
   */
  intoBlock(after: number, lastSave: number): number | null {
    const chosen: RawPack[] = []
    let bytes = 0
    for (const row of this.#rawPacks.iterate(after, (lastSave + 1) * PACKS_PER_SERIAL)) {
      const pack = row as unknown as RawPack
      bytes += pack.size
      if (bytes > BLOCK_BYTES) break
      chosen.push(pack)
    }
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

  /** Notes that `count` versions in the pack are referred to by nothing any more; drops what holds none. */
  forget(pack: number, count: number): void {
    const left = this.#decrement.get(pack, count) as { live: number; block: number | null } | undefined
    if (!left || left.live > 0) return
    this.#deleteDead.run(pack)
    if (left.block === null) return
    const block = this.#decrementBlock.get(left.block) as { live: number } | undefined
    if (block?.live === 0) this.#deleteBlock.run(left.block)
  }
}
