/** The laws, for every backend; and proof that they catch stores that break them. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { lockOfState, STATE_BACKENDS, statePath, type StateBackend, type StateStore } from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { BROKEN_STORES } from './broken-stores.ts'
import { KEEP_SERIALS, NEEDS_HISTORY, STATE_STORE_LAWS } from './laws.ts'

const folder = tempFolder('state-laws')
let stores = 0

type Wrap = (store: StateStore) => StateStore

async function check(backend: StateBackend, wrap: Wrap, name: string): Promise<void> {
  const law = STATE_STORE_LAWS[name]
  assert.ok(law, `there is no law "${name}"`)
  const data = join(folder, String(stores++))
  mkdirSync(data)
  const lock = lockOfState('default')
  const keepSerials = name === NEEDS_HISTORY ? 1000 : KEEP_SERIALS
  const open = (state: string) => STATE_BACKENDS[backend](data, state, { lock, keepSerials, mustExist: false })
  const a = wrap(await open('default'))
  const b = wrap(await open('default'))
  try {
    await law({ a, b, lock, freePath: statePath(data, 'copy'), openCopy: () => open('copy') })
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}

for (const backend of Object.keys(STATE_BACKENDS) as StateBackend[]) {
  describe(`state store ${backend}`, () => {
    for (const name of Object.keys(STATE_STORE_LAWS)) it(name, () => check(backend, (store) => store, name))
  })
}

describe('the laws of state stores', () => {
  for (const { fault, law, wrap } of BROKEN_STORES) {
    it(`catch a store that ${fault}`, () => assert.rejects(check('sqlite', wrap, law)))
  }
})
