/** A state's file as a whole: copies of it, and serials that continue above the serials of a lost file. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { SqliteState } from '../../../src/state/sqlite/sqlite-state.ts'
import type { SaveRequest } from '../../../src/state/index.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'

/** A copy takes at most a second; a copy that always begins again takes for ever. */
const COPY_PATIENCE_MS = 30_000

const folder = tempFolder('state-copies')
let files = 0
let saves = 0

const freePath = () => join(folder, `${files++}.db`)
const open = (path: string) => SqliteState.open(path, { lock: 'state', keepSerials: 100 })

function save(builds: Record<string, string>): SaveRequest {
  const put = Object.entries(builds).map(([name, text]) => ({
    name,
    status: 'pending',
    body: JSON.stringify({ text }),
  }))
  return { id: `save-${saves++}`, put, remove: [], at: 1_700_000_000_000 + saves, who: 'someone', operation: 'test' }
}

async function textAt(store: SqliteState, serial: number): Promise<string> {
  const stored = (await store.getAt(serial, ['x'])).get('x')
  return (JSON.parse(stored?.body ?? '{}') as { text: string }).text
}

describe('a copy of a state', () => {
  it('opens as a state of its own, with its history', async () => {
    const [a, target] = [await open(freePath()), freePath()]
    await a.save(0, [save({ x: '1', y: '1' }), save({ x: '2' })], [])
    await a.copyTo(target)
    assert.ok(existsSync(target))
    await a.save(2, [save({ x: '3' })], [])
    const copy = await open(target)
    assert.deepEqual(await copy.verify(), [])
    assert.equal((await copy.head()).serial, 2)
    assert.equal((await copy.head()).lineage, (await a.head()).lineage)
    assert.equal(await textAt(copy, 1), '1')
    await copy.close()
    await a.close()
  })

  it('ends, however often others save meanwhile', async () => {
    const path = freePath()
    const [a, b, target] = [await open(path), await open(path), freePath()]
    const text = () => randomBytes(4_000_000).toString('base64')
    await a.save(0, [save({ x: text(), y: text(), z: text() })], [])
    const over = new AbortController()
    const copying = a.copyTo(target).finally(() => {
      over.abort()
    })
    const patienceEndsMs = performance.now() + COPY_PATIENCE_MS
    for (let serial = 1; !over.signal.aborted && performance.now() < patienceEndsMs; serial++) {
      await b.save(serial, [save({ w: `${serial}` })], [])
      await nextTurn()
    }
    assert.ok(over.signal.aborted, 'the copy has not ended')
    await copying
    const copy = await open(target)
    assert.deepEqual(await copy.verify(), [])
    for (const store of [copy, a, b]) await store.close()
  })
})

describe('skipTo', () => {
  it('goes on above a serial that it is told of, and keeps the builds', async () => {
    const path = freePath()
    const [a, b] = [await open(path), await open(path)]
    await a.save(0, [save({ x: '1' })], [])
    const { id, at, who, operation } = save({})
    const head = await a.skipTo(50, { id, at, who, operation }, [])
    assert.deepEqual([head.serial, head.buildCount], [50, 1])
    await assert.rejects(b.skipTo(50, { id, at, who, operation }, []), { code: 'STALE_STATE' })
    await b.save(50, [save({ x: '51' })], [])
    assert.equal(await textAt(a, 50), '1')
    await assert.rejects(a.getAt(20, ['x']), { code: 'NO_SUCH_SERIAL' })
    await a.close()
    await b.close()
  })
})
