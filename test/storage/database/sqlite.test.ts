import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { sql, type Kysely } from 'kysely'
import { openDataFolder, openSqlite, type Migrations } from '../../../src/storage/index.ts'
import { turnedBits } from '../../helpers/damaged-index.ts'
import { temporaryFolder } from '../../support/server.ts'

interface Tables {
  things: { id: number; name: string }
}

const one = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('things')
    .addColumn('id', 'integer', (column) => column.primaryKey())
    .addColumn('name', 'text')
    .execute()
}
const two = async (db: Kysely<unknown>) => {
  await sql`insert into things (id, name) values (1, 'Äpfel')`.execute(db)
}
const migrations: Migrations = { 'a-001': { up: one } }

const path = () => join(temporaryFolder(), 'holdfast.db')
const unusable = { code: 'DATA_FOLDER_UNUSABLE' }

describe('the SQLite database', () => {
  it('is migrated once, by new migrations only', async () => {
    const file = path()
    for (const steps of [
      migrations,
      migrations,
      { ...migrations, 'a-002': { up: two } },
      { ...migrations, 'a-002': { up: two } },
    ]) {
      await using closing = new AsyncDisposableStack()
      const database = await openSqlite(file, { migrations: steps })
      closing.defer(() => database.close())
      await database.ping()
      const rows = await database.tables<Tables>().selectFrom('things').selectAll().execute()
      assert.equal(rows.length, 'a-002' in steps ? 1 : 0)
    }
  })

  it('is mended when an index is damaged, and refused without write permission', async () => {
    const file = path()
    const three = async (db: Kysely<unknown>) => {
      await sql`create table named (id integer primary key, name text not null unique)`.execute(db)
      for (const name of ['a', 'b', 'c', 'd']) await sql`insert into named (name) values (${name})`.execute(db)
    }
    const named: Migrations = { 'a-001': { up: three } }
    await (await openSqlite(file, { migrations: named })).close()
    let mended = 0
    for (const bit of turnedBits(file, 'named')) {
      await using closing = new AsyncDisposableStack()
      const looking = openSqlite(file, { migrations: named, readOnly: true })
      const isRefused = await looking.then(
        (database) => closing.defer(() => database.close()),
        (error: unknown) => (assert.equal((error as { code: string }).code, unusable.code), true),
      )
      const database = await openSqlite(file, { migrations: named, onMended: () => (mended += 1) })
      closing.defer(() => database.close())
      const found = await sql<{ id: number }>`select id from named where name = 'c'`.execute(database.tables())
      assert.deepEqual(
        found.rows.map(({ id }) => id),
        [3],
        bit,
      )
      assert.ok(isRefused, bit)
    }
    assert.ok(mended > 0)
  })

  it('takes migrations of another room that sort earlier', async () => {
    const file = path()
    await (await openSqlite(file, { migrations: { 'b-001': { up: one } } })).close()
    await (await openSqlite(file, { migrations: { 'a-001': { up: two }, 'b-001': { up: one } } })).close()
  })

  it('is refused when a newer version has changed it', async () => {
    const file = path()
    await (await openSqlite(file, { migrations: { ...migrations, 'a-999': { up: two } } })).close()
    await assert.rejects(openSqlite(file, { migrations }), {
      ...unusable,
      message: 'the database was changed by a newer version of Holdfast (a-999)',
    })
  })

  it('is left as it was by a migration that fails', async () => {
    const file = path()
    await (await openSqlite(file, { migrations })).close()
    const failing = {
      'a-002': {
        up: async (db: Kysely<unknown>) => {
          await two(db)
          throw new Error('no')
        },
      },
    }
    await assert.rejects(openSqlite(file, { migrations: { ...migrations, ...failing } }), unusable)
    using plain = new DatabaseSync(file)
    assert.equal(plain.prepare('select count(*) as count from things').get()?.count, 0)
  })

  it('survives power failures and is written by one', async () => {
    const file = path()
    const database = await openSqlite(file, { migrations })
    const pragma = async (name: string) =>
      Object.values((await sql.raw(`pragma ${name}`).execute(database.tables())).rows[0] ?? {})[0]
    assert.deepEqual(
      [await pragma('journal_mode'), await pragma('synchronous'), await pragma('foreign_keys')],
      ['wal', 2, 1],
    )
    await database.close()
    await database.close()
  })

  it('compares letters of all scripts without case', async () => {
    const database = await openSqlite(path(), { migrations: { ...migrations, 'a-002': { up: two } } })
    const found = await database
      .tables<Tables>()
      .selectFrom('things')
      .select('id')
      .where(sql`lower(name)`, '=', 'äpfel')
      .execute()
    assert.equal(found.length, 1)
    await database.close()
  })

  it('keeps transactions apart and undoes failed ones', async () => {
    const database = await openSqlite(path(), { migrations })
    const db = database.tables<Tables>()
    const add = (id: number, fails: boolean) =>
      db.transaction().execute(async (transaction) => {
        await transaction.insertInto('things').values({ id, name: 'x' }).execute()
        await new Promise((resolve) => setTimeout(resolve, 1))
        if (fails) throw new Error('undone')
      })
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, id) => add(id, id % 2 === 1)))
    assert.equal(outcomes.filter(({ status }) => status === 'rejected').length, 10)
    const rows = await db.selectFrom('things').select('id').orderBy('id').execute()
    assert.deepEqual(
      rows.map(({ id }) => id),
      [0, 2, 4, 6, 8, 10, 12, 14, 16, 18],
    )
    await database.close()
  })

  it('is refused when its file is not a database', async () => {
    const file = path()
    writeFileSync(file, 'no database '.repeat(200))
    await assert.rejects(openSqlite(file, { migrations }), unusable)
    await assert.rejects(openSqlite(path(), { migrations, readOnly: true }), unusable)
  })

  it('is not written when it is opened for reading', async () => {
    const file = path()
    await (await openSqlite(file, { migrations })).close()
    const database = await openSqlite(file, { migrations: { ...migrations, 'a-002': { up: two } }, readOnly: true })
    assert.equal((await database.tables<Tables>().selectFrom('things').selectAll().execute()).length, 0)
    await assert.rejects(database.tables<Tables>().insertInto('things').values({ id: 1, name: 'x' }).execute())
    await database.close()
  })
})

describe('the data folder', () => {
  it('belongs to one at a time', () => {
    const folder = join(temporaryFolder(), 'data')
    const held = openDataFolder(folder)
    assert.throws(() => openDataFolder(folder), { code: 'DATA_FOLDER_BUSY' })
    held.release()
    openDataFolder(folder).release()
  })
})
