import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

/**
 * Turns, one after another, each bit of the pointers to the cells of the index that a UNIQUE column of a table has
 * (https://sqlite.org/fileformat2.html, 1.6): SQLite then searches in a wrong order, and mostly does not notice. The file
 * must be closed and its index fit into one page.
 * @returns which bit is turned, while it is.
 */
export function* turnedBits(path: string, table: string): Iterable<string> {
  const good = readFileSync(path)
  const start = startOfIndex(path, table)
  const cells = good.readUInt16BE(start + 3)
  for (let at = start + 8; at < start + 8 + 2 * cells; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const damaged = Buffer.from(good)
      damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << bit), at)
      for (const suffix of ['-wal', '-shm']) rmSync(path + suffix, { force: true })
      writeFileSync(path, damaged)
      yield `bit ${bit} of byte ${at}`
    }
  }
}

function startOfIndex(path: string, table: string): number {
  const connection = new DatabaseSync(path)
  const index = connection.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?')
  const rootPage = Number(index.get(`sqlite_autoindex_${table}_1`)?.rootpage)
  const pageBytes = Number(connection.prepare('PRAGMA page_size').get()?.page_size)
  connection.close()
  return (rootPage - 1) * pageBytes
}
