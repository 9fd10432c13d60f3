/** What every engine must do beside opening stores and locks, checked with two independent handles. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LockManager } from '../../src/lock/index.ts'
import { openEngine, restoreState, StateManager, type Engine } from '../../src/state/index.ts'
import { ENGINES } from '../helpers/engines.ts'
import { counted, countOf } from './counting.ts'

interface Handles {
  a: Engine
  b: Engine
}

const ENGINE_CHECKS: Readonly<Record<string, (handles: Handles) => Promise<void>>> = {
  async 'lists the states that any handle made, sorted, and creates none by looking'({ a, b }) {
    assert.deepEqual(await a.stateNames(), [])
    assert.equal(await a.hasLocks(), false)
    for (const name of ['web', 'api-2', 'API']) {
      const state = await b.openState(name, { keepSerials: 1, mustExist: false })
      await state.close()
    }
    assert.deepEqual(await a.stateNames(), ['API', 'api-2', 'web'])
    assert.equal(await a.hasLocks(), false)
  },

  async 'opens no missing state that must exist, and names the others'({ a, b }) {
    const options = { keepSerials: 1, mustExist: true }
    await assert.rejects(a.openState('web', options), { code: 'NOT_FOUND' })
    assert.deepEqual(await b.stateNames(), [])
    const other = await b.openState('api', { ...options, mustExist: false })
    await other.close()
    await assert.rejects(a.openState('web', options), (error) => error instanceof Error && /web/.test(error.message))
    const found = await a.openState('api', options)
    await found.close()
  },

  async 'refuses names that could leave its folder'({ a }) {
    for (const name of ['', '.', '../x', 'a/b', 'a\0b', '-x', 'x'.repeat(101)]) {
      await assert.rejects(a.openState(name, { keepSerials: 1, mustExist: false }), { code: 'INVALID_REQUEST' })
    }
    assert.deepEqual(await a.stateNames(), [])
  },

  async 'keeps locks that every handle sees'({ a, b }) {
    await using ours = new LockManager(await a.openLocks())
    await using theirs = new LockManager(await b.openLocks())
    assert.equal(await b.hasLocks(), true)
    await using lock = await ours.acquire('images', { operation: 'test' })
    assert.equal((await theirs.read('images'))?.id, lock.id)
  },

  async 'backs a state up and restores it above all serials that were seen'({ a, b }) {
    const { backups } = a
    // An engine may leave backups to its own tools.
    if (!backups) return
    assert.deepEqual(await backups.list('default'), [])
    await using before = await StateManager.open(a, { backups: false })
    await before.update((draft) => draft.put(counted('x', 1)))
    const backup = await before.backup()
    await before.update((draft) => draft.put(counted('x', 2)))
    assert.deepEqual(await b.backups?.list('default'), [backup])
    await using locks = new LockManager(await b.openLocks())
    const restored = await restoreState(b, { name: 'default', locks })
    assert.equal(restored.backup.serial, 1)
    assert.ok(restored.serial > 2)
    await assert.rejects(before.get('x'), { code: 'STATE_REPLACED' })
    await using after = await StateManager.open(b, { backups: false })
    assert.equal(countOf(await after.get('x')), 1)
  },

  async 'drops all but the newest backups'({ a, b }) {
    const { backups } = a
    if (!backups) return
    await using state = await StateManager.open(a, { backups: false })
    for (let serial = 1; serial <= 3; serial++) {
      await state.update((draft) => draft.put(counted('x', serial)))
      await state.backup()
    }
    await backups.prune('default', 2)
    const left = (await b.backups?.list('default')) ?? []
    assert.deepEqual(
      left.map(({ serial }) => serial),
      [3, 2],
    )
  },
}

for (const [name, fresh] of Object.entries(ENGINES)) {
  describe(`the engine ${name}`, () => {
    for (const [promise, check] of Object.entries(ENGINE_CHECKS)) {
      it(promise, async () => {
        const location = fresh()
        const [a, b] = [await openEngine(location), await openEngine(location)]
        try {
          await check({ a, b })
        } finally {
          await a.close()
          await b.close()
        }
      })
    }
  })
}

describe('openEngine', () => {
  it('takes a folder, a path with a drive letter and a sqlite: URL', async () => {
    for (const [location, folder] of [
      ['/var/lib/holdfast', '/var/lib/holdfast'],
      ['data', 'data'],
      ['C:\\data', 'C:\\data'],
      ['sqlite:/var/lib/holdfast', '/var/lib/holdfast'],
      ['sqlite:///var/lib/holdfast', '/var/lib/holdfast'],
    ] as const) {
      assert.equal((await openEngine(location)).location, folder)
    }
  })

  it('refuses a scheme that it does not know, and says which it knows', async () => {
    await assert.rejects(openEngine('mysql://localhost/holdfast'), (error) => {
      assert.ok(error instanceof Error && 'hint' in error && 'code' in error)
      assert.equal(error.code, 'INVALID_REQUEST')
      assert.match(error.message, /mysql:/)
      assert.match(String(error.hint), /sqlite:/)
      return true
    })
  })
})
