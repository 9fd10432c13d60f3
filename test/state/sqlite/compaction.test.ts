/** Saves that come between the steps of a compaction: each step is a transaction of its own. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import type { SaveRequest } from '../../../src/state/index.ts'
import { COMPACTION } from '../../../src/state/sqlite/compaction.ts'
import { SqliteState } from '../../../src/state/sqlite/sqlite-state.ts'
import { tablesOf } from '../../../src/state/sqlite/tables.ts'
import { tempFolder } from '../../helpers/temp-folder.ts'

const folder = tempFolder('compaction')
const KEEP_SERIALS = 2

/** Saves between two steps: a build in its own row, or builds that fill a pack and begin another. */
const SAVES: Readonly<Record<string, (store: Store) => Promise<void>>> = {
  'a small save': (store) => store.save({ small: 100 }),
  'a save of several packs': (store) => store.save({ big: 70_000, bigger: 60_000, tail: 3000 }),
  'a small save and a save of several packs': async (store) => {
    await store.save({ small: 100 })
    await store.save({ big: 70_000, bigger: 60_000, tail: 3000 })
  },
  'more small saves than are kept': async (store) => {
    for (let count = 0; count < 5; count++) await store.save({ small: 100 + count, [`other${count}`]: 100 })
  },
}

describe('compaction', () => {
  for (const [name, between] of Object.entries(SAVES)) {
    for (const place of COMPACTION.keys()) {
      it(`loses nothing of ${name} before step ${place + 1}`, async () => {
        await using store = await Store.open(join(folder, `${name} ${place}.db`))
        for (let count = 0; count < 4; count++) await store.save({ [`old${count}`]: 100 })
        for (const step of COMPACTION.slice(0, place)) store.take(step)
        await between(store)
        for (const step of COMPACTION.slice(place)) store.take(step)
        await store.check()
        for (let count = 0; count < 4; count++) await store.save({ [`later${count}`]: 100 })
        for (const step of COMPACTION) store.take(step)
        await store.check()
      })
    }
  }
})

/** A state with what was saved to it. */
class Store implements AsyncDisposable {
  readonly #path: string
  readonly #state: SqliteState
  readonly #bodies = new Map<string, string>()
  #serial = 0

  private constructor(path: string, state: SqliteState) {
    this.#path = path
    this.#state = state
  }

  static async open(path: string): Promise<Store> {
    return new Store(path, await SqliteState.open(path, { lock: 'state', keepSerials: KEEP_SERIALS }))
  }

  /** @param sizes Of the builds' texts, by name. */
  async save(sizes: Readonly<Record<string, number>>): Promise<void> {
    const put = Object.entries(sizes).map(([name, size]) => {
      return { name, status: 'pending', body: JSON.stringify({ name, serial: this.#serial, text: 'x'.repeat(size) }) }
    })
    const request: SaveRequest = { id: randomUUID(), put, remove: [], at: 0, who: 'test', operation: 'test' }
    this.#serial = (await this.#state.save(this.#serial, [request], [])).serial
    for (const { name, body } of put) this.#bodies.set(name, body)
  }

  take(step: (typeof COMPACTION)[number]): void {
    const connection = new DatabaseSync(this.#path)
    connection.exec('BEGIN IMMEDIATE')
    const tables = tablesOf(this.#path, connection)
    while (step(tables, KEEP_SERIALS)) continue
    connection.exec('COMMIT')
    connection.close()
  }

  async check(): Promise<void> {
    assert.deepEqual(await this.#state.verify(), [])
    for (const [name, body] of this.#bodies) assert.equal((await this.#state.get(name))?.body, body, name)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#state.close()
  }
}
