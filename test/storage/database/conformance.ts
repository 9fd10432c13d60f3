/**
 * What every driver of the database must do. Gets two handles to one database, as two processes would have, with the
 * table `things`; throws at the first broken promise.
 */
import assert from 'node:assert/strict'
import { sql, type Generated } from 'kysely'
import type { Database, Migrations } from '../../../src/storage/index.ts'

export interface DatabasePair {
  one: Database
  other: Database
}

interface Tables {
  things: { id: Generated<number>; name: string; count: number }
}

/** For the factory of a driver. */
export const THINGS: Migrations = {
  'things-001': {
    async up(db) {
      await db.schema
        .createTable('things')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull().unique())
        .addColumn('count', 'integer', (column) => column.notNull())
        .execute()
    },
  },
}

async function add(database: Database, ...added: string[]): Promise<void> {
  const rows = added.map((name) => ({ name, count: 0 }))
  await database.tables<Tables>().insertInto('things').values(rows).execute()
}

async function names(database: Database): Promise<string[]> {
  const rows = await database.tables<Tables>().selectFrom('things').select('name').orderBy('id').execute()
  return rows.map(({ name }) => name)
}

export const DATABASE_CHECKS: Record<string, (pair: DatabasePair) => Promise<void>> = {
  'shows each handle what the other has written': async ({ one, other }) => {
    await add(one, 'Äpfel', '')
    assert.deepEqual(await names(other), ['Äpfel', ''])
    await other.tables<Tables>().deleteFrom('things').where('name', '=', '').execute()
    assert.deepEqual(await names(one), ['Äpfel'])
  },

  'does not lose a change when both handles write at the same time': async ({ one, other }) => {
    await add(one, 'counter')
    const bump = async (database: Database) =>
      database
        .tables<Tables>()
        .updateTable('things')
        .set({ count: sql<number>`count + 1` })
        .execute()
    await Promise.all(Array.from({ length: 40 }, async (_, index) => bump(index % 2 ? one : other)))
    const row = await one.tables<Tables>().selectFrom('things').select('count').executeTakeFirst()
    assert.equal(row?.count, 40)
  },

  'takes back all of a transaction that fails': async ({ one, other }) => {
    const failing = one
      .tables<Tables>()
      .transaction()
      .execute(async (transaction) => {
        await transaction.insertInto('things').values({ name: 'half', count: 0 }).execute()
        throw new Error('in the middle')
      })
    await assert.rejects(failing, /in the middle/)
    assert.deepEqual(await names(other), [])
    await add(one, 'whole')
    assert.deepEqual(await names(other), ['whole'])
  },

  'refuses a second row with a unique value': async ({ one, other }) => {
    await add(one, 'only')
    await assert.rejects(add(other, 'only'))
    assert.deepEqual(await names(one), ['only'])
  },

  'visits every row of a result once, in order': async ({ one, other }) => {
    const expected = Array.from({ length: 700 }, (_, index) => `thing ${index}`)
    await add(one, ...expected)
    const query = other.tables<Tables>().selectFrom('things').select('name').orderBy('id').compile()
    const seen: string[] = []
    await other.each<{ name: string }>(query, ({ name }) => seen.push(name))
    assert.deepEqual(seen, expected)
  },

  'ends a visit with the error of its visitor, and goes on afterwards': async ({ one }) => {
    await add(one, 'first', 'second')
    const query = one.tables<Tables>().selectFrom('things').select('name').orderBy('id').compile()
    let visited = 0
    const visiting = one.each(query, () => {
      visited += 1
      throw new Error('enough')
    })
    await assert.rejects(visiting, /enough/)
    assert.equal(visited, 1)
    await add(one, 'third')
    assert.deepEqual(await names(one), ['first', 'second', 'third'])
  },

  'answers a ping while it is open, and closes twice': async ({ one, other }) => {
    await one.ping()
    await add(one, 'kept')
    await one.close()
    await one.close()
    await assert.rejects(one.ping())
    await other.ping()
    assert.deepEqual(await names(other), ['kept'])
  },
}
