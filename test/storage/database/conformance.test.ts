/** The drivers of the database against its suite, and the suite against drivers that break its promises. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { openSqlite, type Database } from '../../../src/storage/index.ts'
import { temporaryFolder } from '../../support/server.ts'
import { DATABASE_CHECKS, THINGS, type DatabasePair } from './conformance.ts'

const opened: Database[] = []
after(async () => {
  for (const database of opened) await database.close()
})

async function sqlitePair(): Promise<DatabasePair> {
  const path = join(temporaryFolder(), 'holdfast.db')
  const open = async () => {
    const database = await openSqlite(path, { migrations: THINGS })
    opened.push(database)
    return database
  }
  return { one: await open(), other: await open() }
}

describe('openSqlite', () => {
  for (const [promise, check] of Object.entries(DATABASE_CHECKS)) it(promise, async () => check(await sqlitePair()))
})

/** Drivers that break one promise each: a sound database, with another method. */
const BROKEN: Record<string, [change: (sound: Database) => Partial<Database>, promise: string]> = {
  'skips the last row': [
    (sound) => ({
      async each(query, visit) {
        const rows: Parameters<typeof visit>[0][] = []
        await sound.each<(typeof rows)[number]>(query, (row) => rows.push(row))
        rows.slice(0, -1).forEach(visit)
      },
    }),
    'visits every row of a result once, in order',
  ],
  'hides the error of a visitor': [
    (sound) => ({
      each: async (query, visit) => sound.each(query, visit).catch(() => {}),
    }),
    'ends a visit with the error of its visitor, and goes on afterwards',
  ],
  'answers a ping when it is closed': [
    () => ({ ping: async () => {} }),
    'answers a ping while it is open, and closes twice',
  ],
  'has a database for each handle': [
    () => ({ tables: elsewhere.tables.bind(elsewhere) }),
    'shows each handle what the other has written',
  ],
}
const { one: elsewhere } = await sqlitePair()

describe('the conformance suite', () => {
  for (const [fault, [change, promise]] of Object.entries(BROKEN)) {
    it(`catches a driver that ${fault}`, async () => {
      const { one, other } = await sqlitePair()
      const check = DATABASE_CHECKS[promise]
      assert.ok(check)
      const broken: Database = {
        tables: one.tables.bind(one),
        each: one.each.bind(one),
        ping: one.ping.bind(one),
        missingBytes: () => one.missingBytes(),
        close: one.close.bind(one),
        ...change(one),
      }
      await assert.rejects(check({ one: broken, other: fault.startsWith('skips') ? { ...broken } : other }))
    })
  }
})
