/** The newest version of each build: an index by name into the packs. */
import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { LazyStatement, rowOf } from '../../storage/index.ts'
import type { BuildEntry } from '../state-store.ts'
import type { Place } from './packs.ts'

export const HEADS_SCHEMA = `
  CREATE TABLE heads (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, status TEXT NOT NULL, serial INTEGER NOT NULL,
    pack INTEGER NOT NULL, start INTEGER NOT NULL, size INTEGER NOT NULL, checksum INTEGER NOT NULL);`

export interface Head extends Place, BuildEntry {
  /** Order of creation: builds that were saved together lie together. */
  number: number
}

/** A row of the table. As an array: node:sqlite takes half as long for them as for objects. */
type HeadRow = [
  number: number,
  name: string,
  status: string,
  serial: number,
  pack: number,
  start: number,
  size: number,
  checksum: number,
]

export class Heads {
  readonly #get: LazyStatement
  readonly #insert: LazyStatement
  readonly #update: LazyStatement
  readonly #delete: LazyStatement
  readonly #scan: LazyStatement
  readonly #since: LazyStatement
  readonly #list: LazyStatement
  readonly #listByStatus: LazyStatement

  constructor(connection: DatabaseSync) {
    const prepare = (text: string) => new LazyStatement(connection, text)
    const prepareRows = (text: string) => new LazyStatement(connection, text, { returnArrays: true })
    this.#get = prepareRows('SELECT * FROM heads WHERE name = ?')
    this.#insert = prepare('INSERT INTO heads VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)')
    this.#update = prepare(
      'UPDATE heads SET status = ?, serial = ?, pack = ?, start = ?, size = ?, checksum = ? WHERE number = ?',
    )
    this.#delete = prepare('DELETE FROM heads WHERE number = ?')
    this.#scan = prepareRows('SELECT * FROM heads WHERE number > ? ORDER BY number LIMIT ?')
    this.#since = prepareRows('SELECT * FROM heads WHERE serial > ? LIMIT ?')
    this.#list = prepare('SELECT name, status, serial FROM heads WHERE name > ? ORDER BY name LIMIT ?')
    this.#listByStatus = prepare(
      'SELECT name, status, serial FROM heads WHERE name > ? AND status = ? ORDER BY name LIMIT ?',
    )
  }

  /** @throws IndexDamage. */
  get(name: string): Head | null {
    const row = this.#get.get(name) as unknown as HeadRow | undefined
    return rowOf('build', name, row && headOf(row))
  }

  insert({ name, status, serial, pack, start, size, checksum }: Omit<Head, 'number'>): void {
    this.#insert.run(name, status, serial, pack, start, size, checksum)
  }

  update({ number, status, serial, pack, start, size, checksum }: Head): void {
    this.#update.run(status, serial, pack, start, size, checksum, number)
  }

  delete(head: Head): void {
    this.#delete.run(head.number)
  }

  scan(after: number, limit: number): Head[] {
    return (this.#scan.all(after, limit) as unknown as HeadRow[]).map(headOf)
  }

  /** Newer than a serial, in no order. Looks at every head. */
  since(serial: number, limit: number): Head[] {
    return (this.#since.all(serial, limit) as unknown as HeadRow[]).map(headOf)
  }

  list(after: string, limit: number, only?: string): BuildEntry[] {
    const rows = only === undefined ? this.#list.all(after, limit) : this.#listByStatus.all(after, only, limit)
    return (rows as unknown as BuildEntry[]).map(({ name, status, serial }) => ({ name, status, serial }))
  }
}

function headOf([number, name, status, serial, pack, start, size, checksum]: HeadRow): Head {
  return { number, name, status, serial, pack, start, size, checksum }
}

/** A head's share of the digest of the state. */
export function digestOf({ name, status, serial, checksum }: Omit<Head, 'number'>): number {
  return crc32(JSON.stringify([name, status, serial, checksum]))
}
