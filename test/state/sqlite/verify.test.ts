/** What goes on while a state is verified. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { it, mock } from 'node:test'
import type { SaveRequest } from '../../../src/state/index.ts'
import { applySave } from '../../../src/state/sqlite/apply-save.ts'
import { Heads } from '../../../src/state/sqlite/heads.ts'
import { SqliteState } from '../../../src/state/sqlite/sqlite-state.ts'
import { tablesOf } from '../../../src/state/sqlite/tables.ts'
import { openSqliteFile } from '../../../src/storage/index.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'

it('reports no damage in a state that is saved while it is verified', async () => {
  const path = join(tempFolder('verify'), 'state.db')
  const state = await SqliteState.open(path, { lock: 'state', keepSerials: 10 })
  await state.save(0, [request({ x: 'old' })], [])
  const other = tablesOf(path, await openSqliteFile(path, { durability: 'full' }))
  // As another process would, between two looks at the tables.
  const scan = mock.method(Heads.prototype, 'scan', function (this: Heads, after: number, limit: number) {
    scan.mock.restore()
    const found = this.scan(after, limit)
    other.connection.exec('BEGIN IMMEDIATE')
    applySave(other, other.saves.newest(), request({ x: 'new', y: 'new' }), 0)
    other.connection.exec('COMMIT')
    return found
  })
  assert.deepEqual(await state.verify(), [])
  assert.equal((await state.head()).serial, 2)
  assert.deepEqual(await state.verify(), [])
  other.connection.close()
  await state.close()
})

it('does not block the event loop while it verifies a big state', async () => {
  const path = join(tempFolder('verify'), 'state.db')
  const state = await SqliteState.open(path, { lock: 'state', keepSerials: 10 })
  await state.save(0, [request(Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`b${index}`, 'x'])))], [])
  let turns = 0
  let isOver = false
  const count = () => {
    turns += 1
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  assert.deepEqual(await state.verify(), [])
  isOver = true
  assert.ok(turns >= 3, `${turns} turns`)
  await state.close()
})

let requests = 0

function request(builds: Record<string, string>): SaveRequest {
  const put = Object.entries(builds).map(([name, text]) => ({
    name,
    status: 'pending',
    body: JSON.stringify({ text }),
  }))
  return { id: `save-${requests++}`, put, remove: [], at: 0, who: 'test', operation: 'test' }
}
