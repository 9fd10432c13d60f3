/** The conformance suite of lock stores, for every engine; and proof that it catches stores that break it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { LockStore } from '../../src/lock/index.ts'
import { openEngine } from '../../src/state/index.ts'
import { ENGINES } from '../helpers/engines.ts'
import { BROKEN_STORES } from './broken-stores.ts'
import { LOCK_STORE_CHECKS, type Handles } from './conformance.ts'

/** A check that has not ended by then is broken: it waits for what never comes. */
const PATIENCE_MS = 1500

type Wrap = (store: LockStore) => LockStore

async function withHandles(location: string, wrap: Wrap, use: (handles: Handles) => Promise<void>): Promise<void> {
  const engines = [await openEngine(location), await openEngine(location)] as const
  const [a, b] = await Promise.all(engines.map((engine) => engine.openLocks()))
  assert.ok(a && b)
  try {
    await use({ a: wrap(a), b: wrap(b) })
  } finally {
    for (const handle of [a, b, ...engines]) await handle.close()
  }
}

for (const [engine, fresh] of Object.entries(ENGINES)) {
  describe(`the lock store of ${engine}`, () => {
    for (const [name, check] of Object.entries(LOCK_STORE_CHECKS)) {
      it(name, () => withHandles(fresh(), (store) => store, check))
    }
  })
}

describe('the conformance suite of lock stores', () => {
  const fresh = ENGINES['sqlite']
  assert.ok(fresh)
  for (const { fault, check: name } of BROKEN_STORES) {
    it(`catches a store that ${words(fault.name)}`, async () => {
      const check = LOCK_STORE_CHECKS[name]
      assert.ok(check, `there is no check "${name}"`)
      const broken = (store: LockStore) => new fault(store)
      await withHandles(fresh(), broken, async (handles) => {
        const patience = Promise.withResolvers<never>()
        const timer = setTimeout(() => patience.reject(new Error('it hangs')), PATIENCE_MS)
        // A check that hangs is rejected later, when the store is closed: nothing waits for it any more.
        const running = check(handles)
        running.catch(() => {})
        await assert.rejects(Promise.race([running, patience.promise]))
        clearTimeout(timer)
      })
    })
  }
})

function words(name: string): string {
  return name
    .replaceAll(/([A-Z])/g, ' $1')
    .trim()
    .toLowerCase()
}
