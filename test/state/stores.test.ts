/** The conformance suite of state stores, for every engine; and proof that it catches stores that break it. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { lockOfState, openEngine, type StateStore } from '../../src/state/index.ts'
import { ENGINES } from '../helpers/engines.ts'
import { BROKEN_STORES } from './broken-stores.ts'
import { KEEP_SERIALS, NEEDS_HISTORY, STATE_STORE_CHECKS } from './conformance.ts'

type Wrap = (store: StateStore) => StateStore

async function run(location: string, wrap: Wrap, name: string): Promise<void> {
  const check = STATE_STORE_CHECKS[name]
  assert.ok(check, `there is no check "${name}"`)
  const keepSerials = name === NEEDS_HISTORY ? 1000 : KEEP_SERIALS
  const engines = [await openEngine(location), await openEngine(location)] as const
  const [a, b] = await Promise.all(
    engines.map((engine) => engine.openState('default', { keepSerials, mustExist: false })),
  )
  assert.ok(a && b)
  try {
    await check({ a: wrap(a), b: wrap(b), lock: lockOfState('default') })
  } finally {
    for (const handle of [a, b, ...engines]) await handle.close()
  }
}

for (const [engine, fresh] of Object.entries(ENGINES)) {
  describe(`the state store of ${engine}`, () => {
    for (const name of Object.keys(STATE_STORE_CHECKS)) it(name, () => run(fresh(), (store) => store, name))
  })
}

describe('the conformance suite of state stores', () => {
  const fresh = ENGINES['sqlite']
  assert.ok(fresh)
  for (const { fault, check, wrap } of BROKEN_STORES) {
    it(`catches a store that ${fault}`, () => assert.rejects(run(fresh(), wrap, check)))
  }
})
