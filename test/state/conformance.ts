/** What every StateStore must do, checked with two independent handles to one state. */
import assert from 'node:assert/strict'
import type { Fence, SaveRequest, StateStore, StoredBuild } from '../../src/state/index.ts'

interface Handles {
  a: StateStore
  b: StateStore
  /** The lock of the state. */
  lock: string
}

type Check = (handles: Handles) => Promise<void>

export const STATE_STORE_CHECKS: Readonly<Record<string, Check>> = {
  async 'begins empty, at serial 0, with one lineage for every handle'({ a, b }) {
    const head = await a.head()
    assert.equal(head.serial, 0)
    assert.equal(head.buildCount, 0)
    assert.match(head.lineage, /\S/)
    assert.deepEqual(await b.head(), head)
    assert.equal(await a.get('none'), null)
    assert.deepEqual(await all(a), [])
  },

  async 'shows a save to every handle once it is acknowledged'({ a, b }) {
    for (let serial = 1; serial <= 4; serial++) {
      const [writer, reader] = serial % 2 === 0 ? [a, b] : [b, a]
      const head = await writer.save(serial - 1, [save({ x: `${serial}` })], [])
      assert.equal(head.serial, serial)
      assert.equal((await reader.head()).serial, serial)
      assert.deepEqual(await reader.get('x'), { name: 'x', serial, body: body(`${serial}`) })
    }
  },

  async 'keeps every character of names and bodies'({ a, b }) {
    const texts = [
      '',
      ' ',
      '\n\t',
      'ünï',
      '锁定',
      '🔒👩‍👩‍👧',
      "'; DROP TABLE heads; --",
      '<script>',
      '\u202e',
      'x'.repeat(100_000),
    ]
    const builds = Object.fromEntries(texts.map((text, index) => [`${text.slice(0, 50)}#${index}`, text]))
    await a.save(0, [save(builds)], [])
    for (const [name, text] of Object.entries(builds)) assert.equal((await b.get(name))?.body, body(text), name)
    assert.equal((await all(b)).length, texts.length)
  },

  async 'refuses a save that builds on another serial than the newest'({ a, b }) {
    await a.save(0, [save({ x: '1' })], [])
    for (const base of [0, 2, -1]) {
      await assert.rejects(b.save(base, [save({ x: 'lost' })], []), { code: 'STALE_STATE' })
    }
    assert.equal((await a.get('x'))?.body, body('1'))
    assert.equal((await a.head()).serial, 1)
  },

  async 'lets a single saver of many on the same serial win'({ a, b }) {
    const attempts = Array.from({ length: 20 }, (_, index) =>
      (index % 2 === 0 ? a : b).save(0, [save({ x: `${index}` })], []),
    )
    const results = await Promise.allSettled(attempts)
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
    assert.equal((await b.head()).serial, 1)
  },

  async 'saves a chain wholly or not at all, one serial each'({ a, b }) {
    const head = await a.save(0, [save({ x: '1', y: '1' }), save({ x: '2' }), save({ z: '3' }, ['y'])], [])
    assert.equal(head.serial, 3)
    assert.equal(head.buildCount, 2)
    assert.deepEqual((await all(b)).map(({ name, serial }) => [name, serial] as const).toSorted(byName), [
      ['x', 2],
      ['z', 3],
    ])
    await assert.rejects(b.save(2, [save({ x: 'lost' }), save({ w: 'lost' })], []), { code: 'STALE_STATE' })
    assert.equal(await a.get('w'), null)
    assert.deepEqual(
      (await a.history({ limit: 10 })).map(({ serial }) => serial),
      [3, 2, 1],
    )
  },

  async 'gives the same answer to a save that is repeated, for the first answer may have been lost'({ a, b }) {
    const chain = [save({ x: '1' }), save({ x: '2' })]
    const first = await a.save(0, chain, [])
    assert.deepEqual(await b.save(0, chain, []), first)
    assert.equal((await a.head()).serial, 2)
  },

  async 'removes builds, and can be given them again'({ a, b }) {
    await a.save(0, [save({ x: '1', y: '1' })], [])
    await b.save(1, [save({}, ['x', 'never-there'])], [])
    assert.equal(await a.get('x'), null)
    assert.equal((await a.head()).buildCount, 1)
    await a.save(2, [save({ x: '3' })], [])
    assert.equal((await b.get('x'))?.serial, 3)
  },

  async 'refuses savers behind a fence, and remembers the fence'({ a, b, lock }) {
    const fence = (token: number, name = lock): Fence[] => [{ lock: name, token }]
    await a.save(0, [save({ x: '1' })], fence(5))
    assert.equal(await b.fenceOf(lock), 5)
    await assert.rejects(b.save(1, [save({ x: 'lost' })], fence(4)), { code: 'LOCK_LOST' })
    await b.save(1, [save({ x: '2' })], fence(5))
    await a.raiseFence({ lock, token: 9 })
    await assert.rejects(b.save(2, [save({ x: 'lost' })], fence(8)), { code: 'LOCK_LOST' })
    await assert.rejects(b.raiseFence({ lock, token: 8 }), { code: 'LOCK_LOST' })
    assert.equal(await b.fenceOf(lock), 9)
    await b.save(2, [save({ x: '3' })], [...fence(9), ...fence(2, 'other')])
    await assert.rejects(a.save(3, [save({ x: 'lost' })], [...fence(9), ...fence(1, 'other')]), { code: 'LOCK_LOST' })
    assert.equal(await a.fenceOf('other'), 2)
    assert.equal(await a.fenceOf('unknown'), 0)
    assert.equal((await a.get('x'))?.body, body('3'))
  },

  async 'keeps old versions of every build'({ a, b }) {
    await a.save(0, [save({ x: '1', y: '1' })], [])
    await a.save(1, [save({ x: '2' })], [])
    await a.save(2, [save({}, ['y'])], [])
    await a.save(3, [save({ y: '4', z: '4' })], [])
    const versions = async (name: string) => {
      const found = await Promise.all([0, 1, 2, 3, 4].map((serial) => versionAt(b, serial, name)))
      return found.map((stored) => stored && JSON.parse(stored.body).text)
    }
    assert.deepEqual(await versions('x'), [null, '1', '2', '2', '2'])
    assert.deepEqual(await versions('y'), [null, '1', '1', null, '4'])
    assert.deepEqual(await versions('z'), [null, null, null, null, '4'])
    for (const serial of [-1, 5]) await assert.rejects(versionAt(b, serial, 'x'), { code: 'NO_SUCH_SERIAL' })
  },

  async 'tells who saved what, when and how much'({ a, b }) {
    await a.save(0, [save({ x: '1', y: '1' })], [])
    const second = save({ x: '2' }, ['y'])
    await a.save(1, [second], [])
    const [newest, oldest] = await b.history({ limit: 10 })
    assert.deepEqual(
      { ...newest, changed: newest?.changed.toSorted() },
      {
        serial: 2,
        id: second.id,
        at: second.at,
        who: 'someone',
        operation: 'test',
        buildCount: 1,
        changed: ['x', 'y'],
      },
    )
    assert.equal(oldest?.serial, 1)
    assert.equal((await b.history({ limit: 1 })).length, 1)
    await a.save(2, [save({ z: '3' })], [])
    assert.deepEqual(
      (await b.history({ limit: 10, build: 'y' })).map(({ serial }) => serial),
      [2, 1],
    )
  },

  async 'tells which builds changed since a serial'({ a, b }) {
    await a.save(0, [save({ x: '1', y: '1' }), save({ x: '2' }), save({}, ['y'])], [])
    assert.deepEqual(await b.changedSince(0), new Set(['x', 'y']))
    assert.deepEqual(await b.changedSince(2), new Set(['y']))
    assert.deepEqual(await b.changedSince(3), new Set())
    assert.equal(await b.changedSince(4), null)
  },

  async 'gives the builds saved since a serial, few or many'({ a, b }) {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`b${index}`, `${index}`]))
    await a.save(0, [save({ x: '1', y: '1' }), save({ x: '2' }), save({}, ['y']), save(many), save({ b7: 'new' })], [])
    const since = async (serial: number, limit = 1000) => {
      const news = await b.changesSince(serial, limit)
      return (
        news && { ...news.head, builds: news.builds.map((build) => `${build.name} ${JSON.parse(build.body).text}`) }
      )
    }
    const head = await b.head()
    assert.deepEqual(await since(5), { ...head, builds: [] })
    // Far behind, and one save behind: a store may look for them in two ways.
    assert.deepEqual(await since(4), { ...head, builds: ['b7 new'] })
    const everything = await since(0)
    assert.deepEqual(everything?.builds.toSorted().slice(-2), ['b99 99', 'x 2'])
    assert.equal(everything?.builds.length, 201)
    assert.equal(await since(0, 200), null)
    assert.equal(await since(6), null)
  },

  async 'gives the changes of each save to a close follower'({ a, b }) {
    const big = 'x'.repeat(20_000)
    const steps: { request: SaveRequest; there: Record<string, string> }[] = [
      { request: save({ x: '1', y: '1' }), there: { x: '1', y: '1' } },
      { request: save({ x: '2' }), there: { x: '2' } },
      { request: save({ z: '1' }, ['x']), there: { z: '1' } },
      { request: save({}, ['y']), there: {} },
      { request: save({ big, x: '3' }), there: { big, x: '3' } },
      { request: save({ big: 'small' }), there: { big: 'small' } },
      { request: save({}, ['z']), there: {} },
      { request: save({ z: '2' }), there: { z: '2' } },
      { request: save({}, ['z']), there: {} },
    ]
    const since = async (serial: number) => {
      const news = await b.changesSince(serial, 1000)
      assert.deepEqual(news?.head, await a.head())
      return Object.fromEntries(news.builds.map((build) => [build.name, JSON.parse(build.body).text]))
    }
    for (const [serial, { request, there }] of steps.entries()) {
      await a.save(serial, [request], [])
      assert.deepEqual(await since(serial), there)
    }
    assert.deepEqual(await since(7), {})
    assert.deepEqual(await since(5), { big: 'small' })
    await a.compact(true)
    assert.deepEqual(await since(7), {})
    assert.deepEqual(await since(5), { big: 'small' })
    assert.deepEqual(await since(4), { big: 'small', x: '3' })
    assert.equal(JSON.parse((await versionAt(b, 5, 'big'))?.body ?? '').text, big)
  },

  async 'lists builds by name, in pages, by status'({ a, b }) {
    const builds = Object.fromEntries(Array.from({ length: 25 }, (_, index) => [`b${index}`, `${index}`]))
    await a.save(0, [save(builds)], [])
    const names: string[] = []
    for (let after = ''; ;) {
      const page = await b.list({ after, limit: 10 })
      names.push(...page.map(({ name }) => name))
      after = page.at(-1)?.name ?? after
      if (page.length < 10) break
    }
    assert.deepEqual(names, Object.keys(builds).toSorted())
    const request = { ...save({}), put: [{ name: 'b3', status: 'failed', body: body('3') }] }
    await a.save(1, [request], [])
    assert.deepEqual(await b.list({ limit: 10, status: 'failed' }), [{ name: 'b3', status: 'failed', serial: 2 }])
    assert.equal((await b.list({ limit: 100, status: 'pending' })).length, 24)
  },

  async 'shows a snapshot of one save, whatever is saved meanwhile'({ a, b }) {
    const builds = Object.fromEntries(Array.from({ length: 2500 }, (_, index) => [`b${index}`, 'old']))
    await a.save(0, [save(builds)], [])
    let seen = 0
    for await (const page of b.snapshot()) {
      if (seen === 0) await a.save(1, [save({ b0: 'new', b2499: 'new', extra: 'new' }, ['b2000'])], [])
      assert.equal(page.head.serial, 1)
      for (const stored of page.builds) assert.equal(stored.body, body('old'))
      seen += page.builds.length
    }
    assert.equal(seen, 2500)
    assert.equal((await b.head()).serial, 2)
  },

  async 'believes its own newest write, whatever else is written at the same time'({ a, lock }) {
    await a.save(0, [save({ x: '1' })], [{ lock, token: 1 }])
    for (let turns = 0; turns < 8; turns++) {
      const { serial } = await a.head()
      const before = await a.fenceOf(lock)
      const token = before + 1
      const saved = a.save(serial, [save({ x: `${turns}` })], [{ lock, token: before }])
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      await Promise.allSettled([saved, a.raiseFence({ lock, token })])
      assert.equal(await a.fenceOf(lock), token)
      const later = a.save(serial + 1, [save({ x: 'later' })], [{ lock, token }])
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      await Promise.allSettled([later, a.raiseFence({ lock, token: token + 1 })])
      assert.equal(await a.fenceOf(lock), token + 1)
      assert.equal(
        (await a.head()).serial,
        (await all(a)).reduce((newest, one) => Math.max(newest, one.serial), 0),
      )
    }
  },

  async 'never shows half a save'({ a, b }) {
    await a.save(0, [save({ x: '0', y: '0' })], [])
    const over = new AbortController()
    const write = async () => {
      for (let serial = 1; serial < 60; serial++) await a.save(serial, [save({ x: `${serial}`, y: `${serial}` })], [])
    }
    const read = async () => {
      while (!over.signal.aborted) {
        await new Promise((resolve) => setImmediate(resolve))
        const texts = (await all(b)).map((stored) => stored.body)
        assert.equal(new Set(texts).size, 1, `a reader saw ${texts.join(' beside ')}`)
      }
    }
    const writing = write().finally(() => {
      over.abort()
    })
    await Promise.all([writing, read()])
  },

  async 'compacts without changing anything that is kept'({ a, b }) {
    for (let serial = 0; serial < 40; serial++) {
      await a.save(
        serial,
        [save({ x: `${serial}`, [`b${serial}`]: 'same' }, serial > 30 ? [`b${serial - 30}`] : [])],
        [],
      )
    }
    const before = await all(b)
    const then = await versionAt(b, 35, 'x')
    await a.compact(true)
    assert.deepEqual(await all(b), before)
    assert.deepEqual(await versionAt(b, 35, 'x'), then)
    assert.deepEqual(await b.verify(), [])
    await b.save(40, [save({ x: 'after' })], [])
    await b.compact(false)
    assert.equal((await a.get('x'))?.body, body('after'))
    assert.deepEqual(await a.verify(), [])
  },

  async 'keeps as many serials as it was told to, and no more'({ a, b }) {
    for (let serial = 0; serial < 15; serial++) await a.save(serial, [save({ x: `${serial + 1}` })], [])
    await a.compact(true)
    const kept = (await b.history({ limit: 100 })).map(({ serial }) => serial)
    assert.deepEqual(
      kept,
      kept.toSorted((x, y) => y - x),
    )
    assert.ok(kept.length >= KEEP_SERIALS && kept.length <= KEEP_SERIALS + 1, `${kept.length} are kept`)
    assert.equal(
      JSON.parse((await versionAt(b, 15 - KEEP_SERIALS + 1, 'x'))?.body ?? '').text,
      String(15 - KEEP_SERIALS + 1),
    )
    await assert.rejects(versionAt(b, 1, 'x'), { code: 'NO_SUCH_SERIAL' })
    assert.equal(await b.changedSince(1), null)
  },

  async 'reports an intact state and its size'({ a }) {
    await a.save(0, [save({ x: '1' })], [])
    assert.deepEqual(await a.verify(), [])
    assert.ok((await a.sizeBytes()) > 0)
  },
}

/** Serials that the stores of the checks keep. */
export const KEEP_SERIALS = 10
/** The check that needs many more than that. */
export const NEEDS_HISTORY = 'compacts without changing anything that is kept'

let saves = 0

async function versionAt(store: StateStore, serial: number, name: string): Promise<StoredBuild | null> {
  return (await store.getAt(serial, [name])).get(name) ?? null
}

function save(builds: Record<string, string>, remove: string[] = []): SaveRequest {
  const put = Object.entries(builds).map(([name, text]) => ({ name, status: 'pending', body: body(text) }))
  return { id: `save-${saves++}`, put, remove, at: 1_700_000_000_000 + saves, who: 'someone', operation: 'test' }
}

function body(text: string): string {
  return JSON.stringify({ text })
}

async function all(store: StateStore): Promise<StoredBuild[]> {
  const builds: StoredBuild[] = []
  for await (const page of store.snapshot()) builds.push(...page.builds)
  return builds
}

function byName([a]: readonly [string, number], [b]: readonly [string, number]): number {
  return a < b ? -1 : 1
}
