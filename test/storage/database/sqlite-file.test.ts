import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openSqliteFile } from '../../../src/storage/index.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'

const folder = tempFolder('sqlite-file')

describe('a SQLite file', () => {
  it('is made as asked for', async () => {
    for (const [pageBytes, canShrink, vacuum] of [
      [4096, true, 2],
      [2048, false, 0],
    ] as const) {
      const path = join(folder, `${pageBytes}.db`)
      const connection = await openSqliteFile(path, {
        durability: 'full',
        pageBytes,
        canShrink,
        schema: 'CREATE TABLE t (a)',
      })
      const value = (pragma: string) => Object.values(connection.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]
      assert.deepEqual(['page_size', 'auto_vacuum', 'journal_mode', 'synchronous'].map(value), [
        pageBytes,
        vacuum,
        'wal',
        2,
      ])
      connection.close()
    }
  })

  it('is not written by being opened', async () => {
    const path = join(folder, 'opened.db')
    const open = () => openSqliteFile(path, { durability: 'full', schema: 'CREATE TABLE t (a)' })
    const first = await open()
    first.close()
    const [bytes, { mtimeMs }] = [readFileSync(path), statSync(path)]
    const again = await open()
    assert.equal(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0, 0)
    again.close()
    assert.ok(readFileSync(path).equals(bytes))
    assert.equal(statSync(path).mtimeMs, mtimeMs)
  })
})
