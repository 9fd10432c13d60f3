/** The same work done otherwise: one JSON file, lmdb, and bare SQLite as the floor. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { open as openLmdb } from 'lmdb'
import writeFileAtomic from 'write-file-atomic'
import type { Build } from '../../src/state/index.ts'

export interface Peer {
  saveAll(builds: readonly Build[]): unknown
  saveOne(build: Build): unknown
  loadAll(): unknown
  close(): unknown
}

export function jsonFile(folder: string): Peer {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'state.json')
  let state: Record<string, Build> = {}
  const save = () => writeFileAtomic(path, JSON.stringify({ version: 1, builds: state }), { fsync: true })
  return {
    saveAll(builds) {
      state = Object.fromEntries(builds.map((build) => [build.name, build]))
      return save()
    },
    saveOne(build) {
      state[build.name] = build
      return save()
    },
    loadAll: () => JSON.parse(readFileSync(path, 'utf8')) as unknown,
    close: () => {},
  }
}

/** @returns a peer that also reads all by a connection that stays open, as another program would have it. */
export function rawSqlite(folder: string): Peer & { reload(): unknown } {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'raw.db')
  const database = new DatabaseSync(path)
  database.exec('PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
  database.exec('CREATE TABLE builds (name TEXT PRIMARY KEY, body TEXT NOT NULL)')
  const put = database.prepare('INSERT OR REPLACE INTO builds VALUES (?, ?)')
  const update = database.prepare('UPDATE builds SET body = ? WHERE name = ?')
  const other = new DatabaseSync(path, { readOnly: true })
  const select = other.prepare('SELECT body FROM builds')
  const bodies = (rows: Record<string, unknown>[]) => rows.map((row) => JSON.parse(String(row['body'])) as unknown)
  return {
    saveAll(builds) {
      database.exec('BEGIN IMMEDIATE')
      for (const build of builds) put.run(build.name, JSON.stringify(build))
      database.exec('COMMIT')
    },
    saveOne: (build) => update.run(JSON.stringify(build), build.name),
    loadAll() {
      const reader = new DatabaseSync(path)
      const builds = bodies(reader.prepare('SELECT body FROM builds').all())
      reader.close()
      return builds
    },
    reload: () => bodies(select.all()),
    close() {
      other.close()
      database.close()
    },
  }
}

export function lmdb(folder: string): Peer {
  const database = openLmdb<string, string>({ path: folder, encoding: 'string' })
  return {
    async saveAll(builds) {
      await database.transaction(() => {
        for (const build of builds) void database.put(build.name, JSON.stringify(build))
      })
      await database.flushed
    },
    async saveOne(build) {
      await database.put(build.name, JSON.stringify(build))
      await database.flushed
    },
    loadAll: () => Array.from(database.getRange(), ({ value }) => JSON.parse(value) as unknown),
    close: () => database.close(),
  }
}
