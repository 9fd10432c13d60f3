/** The laws, for every backend; and proof that they catch stores that break them. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { LOCK_BACKENDS, type LockBackend, type LockStore } from '../../src/lock/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { BROKEN_STORES } from './broken-stores.ts'
import { LOCK_STORE_LAWS, type Handles } from './laws.ts'

/** A law that has not ended by then is broken: it waits for what never comes. */
const PATIENCE_MS = 1500

const folder = tempFolder('lock-laws')
let stores = 0

type Wrap = (store: LockStore) => LockStore

async function withHandles(backend: LockBackend, wrap: Wrap, use: (handles: Handles) => Promise<void>): Promise<void> {
  const data = join(folder, String(stores++))
  mkdirSync(data)
  const open = LOCK_BACKENDS[backend]
  const a = wrap(await open(data))
  const b = wrap(await open(data))
  try {
    await use({ a, b })
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}

for (const backend of Object.keys(LOCK_BACKENDS) as LockBackend[]) {
  describe(`lock store ${backend}`, () => {
    for (const [name, law] of Object.entries(LOCK_STORE_LAWS)) {
      it(name, () => withHandles(backend, (store) => store, law))
    }
  })
}

describe('the laws of lock stores', () => {
  for (const { fault, law } of BROKEN_STORES) {
    it(`catch a store that ${words(fault.name)}`, async () => {
      const check = LOCK_STORE_LAWS[law]
      assert.ok(check, `there is no law "${law}"`)
      const broken = (store: LockStore) => new fault(store)
      await withHandles('sqlite', broken, async (handles) => {
        const patience = Promise.withResolvers<never>()
        const timer = setTimeout(() => patience.reject(new Error('it hangs')), PATIENCE_MS)
        // What hangs is rejected later, when the store is closed: nobody waits for that any more.
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
