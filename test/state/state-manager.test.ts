import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { createMetrics, HoldfastError } from '../../src/base/index.ts'
import {
  createBuild,
  MAX_NESTING,
  openEngine,
  StaleStateError,
  StateManager,
  statePath,
  type Build,
  type Json,
} from '../../src/state/index.ts'
import { SqliteState } from '../../src/state/sqlite/sqlite-state.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { counted, countOf } from './counting.ts'

const folder = tempFolder('state-manager')
let states = 0

describe('update', () => {
  it('loses no update of many callers of two managers at once', async () => {
    const data = fresh()
    await using a = await open(data)
    await using b = await open(data)
    const count = (manager: StateManager) =>
      manager.update(async (draft) => draft.put(counted('x', countOf(await draft.get('x')) + 1)))
    await Promise.all(Array.from({ length: 100 }, (_, index) => count(index % 2 === 0 ? a : b)))
    assert.equal(countOf(await a.get('x')), 100)
    assert.equal((await b.head()).serial, 100)
  })

  it('returns what the change returned, and saves nothing when that changed nothing or threw', async () => {
    await using manager = await open(fresh())
    assert.equal(await manager.update(() => 7), 7)
    const failure = new Error('no')
    const change = manager.update(async (draft) => {
      await draft.put(counted('x', 1))
      throw failure
    })
    await assert.rejects(change, (error) => error === failure)
    assert.equal((await manager.head()).serial, 0)
    assert.equal(await manager.get('x'), null)
  })

  it('refuses a build that is longer than the engine keeps, and saves the others', async () => {
    const engine = await openEngine(fresh())
    const openState = engine.openState.bind(engine)
    engine.openState = async (...args) => {
      const store = await openState(...args)
      return Object.defineProperty(store, 'capabilities', { value: { maxBuildBytes: 1000 } })
    }
    await using manager = await StateManager.open(engine, { backups: false })
    const long = { ...counted('long', 1), metadata: { text: 'ü'.repeat(500) } }
    const [refused, saved] = await Promise.allSettled([
      manager.update((draft) => draft.put(long)),
      manager.update((draft) => draft.put(counted('short', 1))),
    ])
    assert.equal(saved.status, 'fulfilled')
    assert.ok(refused.status === 'rejected' && refused.reason instanceof HoldfastError)
    assert.equal(refused.reason.code, 'INVALID_BUILD')
    assert.match(refused.reason.message, /build long takes 1\.\d+ kB/)
    assert.equal(await manager.get('long'), null)
  })

  it('keeps the other updates of a commit when one update fails', async () => {
    await using manager = await open(fresh())
    const results = await Promise.allSettled([
      manager.update((draft) => draft.put(counted('x', 1))),
      manager.update((draft) => draft.remove('none')),
      manager.update(async (draft) => draft.put(counted('y', countOf(await draft.get('x')) + 1))),
    ])
    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled'],
    )
    assert.equal(countOf(await manager.get('y')), 2)
  })

  it('refuses illegal transitions, invalid builds and deep nesting', async () => {
    await using manager = await open(fresh())
    const build = createBuild({ name: 'web', source: 'qemu' })
    await manager.update((draft) => draft.put(build))
    const put = (value: unknown) => manager.update((draft) => draft.put(value as Build))
    await assert.rejects(put({ ...build, status: 'complete' }), { code: 'ILLEGAL_TRANSITION' })
    await assert.rejects(put({ ...build, status: 'done' }), { code: 'INVALID_BUILD' })
    await assert.rejects(put({ ...build, metadata: { at: new Date() } }), { code: 'INVALID_BUILD' })
    await assert.rejects(put({ ...build, name: 'half \ud800' }), { code: 'INVALID_BUILD' })
    const nested = (levels: number): { [key: string]: Json } => (levels === 1 ? {} : { in: nested(levels - 1) })
    await assert.rejects(put({ ...build, metadata: nested(MAX_NESTING + 1) }), { code: 'NESTING_TOO_DEEP' })
    await put({ ...build, metadata: nested(MAX_NESTING) })
    assert.equal((await manager.head()).serial, 2)
  })

  it('waits no longer for the lock than it was told to', async () => {
    const data = fresh()
    await using holder = await open(data)
    await using other = await open(data)
    const lock = await holder.lock({ operation: 'hold' })
    const late = () => other.update((draft) => draft.put(counted('x', 1)), { waitMs: 30 })
    await assert.rejects(late(), { code: 'LOCK_TIMEOUT' })
    const reason = new Error('enough')
    const aborted = other.update((draft) => draft.put(counted('x', 1)), { signal: AbortSignal.abort(reason) })
    await assert.rejects(aborted, (error) => error === reason)
    await holder.update((draft) => draft.put(counted('x', 2)), { lock })
    await lock.release()
    await assert.rejects(holder.update((draft) => draft.put(counted('x', 3)), { lock }))
    assert.equal(countOf(await other.get('x')), 2)
  })

  it('lets each update wait for its own time', async () => {
    const data = fresh()
    await using holder = await open(data)
    await using other = await open(data)
    const lock = await holder.lock({ operation: 'hold' })
    const ended: string[] = []
    const wait = async (name: string, waitMs: number) => {
      const put = other.update((draft) => draft.put(counted(name, 1)), { waitMs })
      await put.then(
        () => ended.push(`${name} saved`),
        (error: HoldfastError) => ended.push(`${name} ${error.code}`),
      )
    }
    // Longer than a timer can count, then two that are asked for while the first waits.
    const patient = wait('patient', 3e9)
    await sleep(10)
    await Promise.all([wait('b', 400), wait('a', 40)])
    assert.deepEqual(ended, ['a LOCK_TIMEOUT', 'b LOCK_TIMEOUT'])
    // Also when this process was too busy to look in between.
    const late = Promise.all([wait('d', 90), wait('c', 60)])
    await sleep(10)
    const busyUntilMs = performance.now() + 150
    while (performance.now() < busyUntilMs);
    await late
    assert.deepEqual(ended.slice(2), ['c LOCK_TIMEOUT', 'd LOCK_TIMEOUT'])
    await lock.release()
    await patient
    assert.deepEqual(ended.slice(4), ['patient saved'])
    assert.equal(await other.get('a'), null)
  })

  it('saves for a caller that asks while another gives up', async () => {
    const data = fresh()
    await using holder = await open(data)
    await using other = await open(data)
    const lock = await holder.lock({ operation: 'hold' })
    const givingUp = new AbortController()
    const first = other.update((draft) => draft.put(counted('x', 1)), { signal: givingUp.signal })
    await sleep(50)
    givingUp.abort(new Error('enough'))
    const second = other.update((draft) => draft.put(counted('y', 1)))
    await assert.rejects(first, /enough/)
    await lock.release()
    await second
    assert.deepEqual([countOf(await other.get('x')), countOf(await other.get('y'))], [0, 1])
  })

  it('saves under another lock when its own is broken', async () => {
    const data = fresh()
    await using manager = await open(data)
    await using other = await open(data)
    const { LockManager } = await import('../../src/lock/index.ts')
    await using locks = await LockManager.open(data)
    const saved = { times: 0 }
    const ended = new AbortController()
    const saver = async (name: string) => {
      for (let count = 1; !ended.signal.aborted; count++) {
        await manager.update((draft) => draft.put(counted(name, count)))
        saved.times += 1
      }
    }
    const saving = Promise.all([saver('x'), saver('y')])
    for (let round = 0; round < 5; round++) {
      const before = saved.times
      const holder = await manager.holder()
      if (holder) await locks.forceUnlock(holder.name, holder.id).catch(() => {})
      await (await other.lock({ operation: 'other' })).release()
      while (saved.times < before + 20) await sleep(1)
    }
    ended.abort()
    await saving
  })

  it('is finished by close, under a lock of the caller too', async () => {
    const data = fresh()
    const manager = await open(data)
    const lock = await manager.lock({ operation: 'hold' })
    await manager.update((draft) => draft.put(counted('a', 1)), { lock })
    const names = ['a', 'b', 'c', 'd']
    const updates = names.map((name) => manager.update((draft) => draft.put(counted(name, 1)), { lock }))
    await manager.close()
    await Promise.all(updates)
    await using after = await open(data)
    assert.equal((await after.head()).buildCount, names.length)
  })

  it('is finished by every close, however many are called', async () => {
    const manager = await open(fresh())
    let isSaved = false
    const update = manager.update(async (draft) => {
      await sleep(20)
      await draft.put(counted('x', 1))
    })
    const saved = update.then(() => (isSaved = true))
    void manager.close()
    await manager.close()
    assert.ok(isSaved)
    await saved
  })

  it('lets a nested caller wait no longer than it was told to', async () => {
    await using manager = await open(fresh())
    const outcome = manager.update(async (draft) => {
      await assert.rejects(manager.lock({ operation: 'within', waitMs: 20 }), { code: 'LOCK_TIMEOUT' })
      await draft.put(counted('x', 1))
    })
    await outcome
    assert.equal(countOf(await manager.get('x')), 1)
  })

  it('keeps its turn until another process wants one', async () => {
    const data = fresh()
    await using manager = await open(data)
    await using other = await open(data)
    const store = await SqliteState.open(statePath(data, 'default'), { lock: 'state/default', keepSerials: 100 })
    const save = async (of: StateManager, count: number) => {
      await of.update((draft) => draft.put(counted('x', count)))
      return store.fenceOf('state/default')
    }
    const tokens = new Set<number>()
    for (let count = 1; count <= 100; count++) tokens.add(await save(manager, count))
    assert.equal(tokens.size, 1)
    const ended = new AbortController()
    const saver = async (_: unknown, index: number) => {
      for (let count = 0; !ended.signal.aborted; count++) {
        await manager.update((draft) => draft.put(counted(`b${index}`, count)))
      }
    }
    const saving = Promise.all(Array.from({ length: 3 }, saver))
    await save(other, 1000)
    await sleep(20)
    // Its own callers may want the lock for more than a moment.
    const lock = await manager.lock({ operation: 'hold' })
    ended.abort()
    await lock.release()
    await saving
    await store.close()
  })

  it("fences off the saves of a part's earlier holder", async () => {
    const data = fresh()
    await using manager = await open(data)
    const first = await manager.lock({ operation: 'build', scope: 'web', ttlMs: 60_000 })
    await manager.update((draft) => draft.put(counted('web', 1)), { lock: first })
    const { LockManager } = await import('../../src/lock/index.ts')
    await using locks = await LockManager.open(data)
    await locks.forceUnlock(first.name, first.id)
    const second = await manager.lock({ operation: 'build', scope: 'web' })
    const late = manager.update((draft) => draft.put(counted('web', 666)), { lock: first })
    const beside = manager.update((draft) => draft.put(counted('db', 1)))
    await assert.rejects(late, { code: 'LOCK_LOST' })
    await beside
    await manager.update((draft) => draft.put(counted('web', 2)), { lock: second })
    assert.equal(countOf(await manager.get('web')), 2)
    await second.release()
  })
})

describe('load and save', () => {
  it('is not changed when the caller later changes its parts', async () => {
    await using manager = await open(fresh())
    const inner = { count: 1 }
    const metadata = Object.freeze({ inner })
    await manager.update((draft) => draft.put(createBuild({ name: 'x', source: 'test', metadata })))
    assert.throws(() => (inner.count = 2), TypeError)
  })

  it('refuses to keep no serial at all', async () => {
    await assert.rejects(StateManager.open(fresh(), { keepSerials: 0 }), { code: 'INVALID_REQUEST' })
  })

  it('gives a frozen state', async () => {
    await using manager = await open(fresh())
    await manager.update((draft) => draft.put(counted('x', 1)))
    const before = await manager.load()
    await manager.update((draft) => draft.put(counted('x', 2)))
    const after = await manager.load()
    assert.deepEqual([countOf(before.get('x')), countOf(after.get('x'))], [1, 2])
    assert.throws(() => Object.assign(before.get('x')?.metadata ?? {}, { count: 9 }), TypeError)
  })

  it('saves the result of with and without, unless another save came between', async () => {
    const data = fresh()
    await using a = await open(data)
    await using b = await open(data)
    const base = await a.save((await a.load()).with([counted('x', 1), counted('y', 1)]))
    assert.equal(base.serial, 1)
    const [mine, theirs] = [base.with([counted('x', 2)]), (await b.load()).without(['y'])]
    await b.save(theirs)
    await assert.rejects(a.save(mine), StaleStateError)
    const state = await a.load()
    assert.deepEqual([countOf(state.get('x')), state.get('y'), state.size], [1, null, 1])
    assert.throws(() => state.without(['y']), { code: 'NOT_FOUND' })
    const again = await a.save(state.with([counted('z', 1)]).without(['x']))
    assert.deepEqual(
      [...again.builds()].map(({ name }) => name),
      ['z'],
    )
  })

  it('never shows an update what it read before the saves that the update builds on', async () => {
    const data = fresh()
    await using before = await open(data)
    // More than one page, so that the state can be saved while it is read.
    await before.replace(Array.from({ length: 3000 }, (_, index) => counted(`b${index}`, 0)))
    await using manager = await open(data)
    await using lock = await manager.lock({ operation: 'test' })
    const loading = manager.load()
    await nextTurn()
    await manager.update((draft) => draft.put(counted('b7', 1)), { lock })
    const countUp = async () => {
      await manager.update(
        async (draft) => {
          await loading
          await draft.put(counted('b7', countOf(await draft.get('b7')) + 1))
        },
        { lock },
      )
    }
    await countUp()
    assert.equal(countOf(await manager.get('b7')), 2)
    assert.equal((await loading).size, 3000)
    assert.equal(countOf((await manager.load()).get('b7')), 2)
  })

  it('loads a state whole while builds come and go', async () => {
    const data = fresh()
    await using before = await open(data)
    await before.replace(Array.from({ length: 3000 }, (_, index) => counted(`b${index}`, 0)))
    await using manager = await open(data)
    const loading = manager.load()
    await nextTurn()
    await manager.update(async (draft) => {
      await draft.remove('b2999')
      await draft.put(counted('new', 1))
    })
    await loading
    const state = await manager.load()
    assert.deepEqual([state.serial, state.size, state.get('b2999'), countOf(state.get('new'))], [2, 3000, null, 1])
  })

  it('sees many changes of others correctly', async () => {
    const data = fresh()
    await using a = await open(data)
    await using b = await open(data)
    await a.load()
    for (let round = 0; round < 5; round++) {
      await b.update(async (draft) => {
        for (let index = 0; index < 150; index++) await draft.put(counted(`b${index * round}`, round))
        if (round > 2) await draft.remove(`b${round}`)
      })
      const [seen, truth] = [await a.load(), new Map<string, number>()]
      for await (const build of b.builds()) truth.set(build.name, countOf(build))
      assert.equal(seen.size, truth.size)
      for (const [name, count] of truth) assert.equal(countOf(seen.get(name)), count, name)
    }
  })
})

describe('history', () => {
  it('sees changes of others by saves that are no longer kept', async () => {
    const data = fresh()
    const openWith = () => StateManager.open(data, { backups: false, keepSerials: 1 })
    await using writer = await openWith()
    await using reader = await openWith()
    for (const count of [1, 2]) {
      for (const name of ['x', 'y', 'z']) await writer.update((draft) => draft.put(counted(name, count)))
      await writer.compact()
      assert.deepEqual([...(await reader.load()).builds()].map(countOf), [count, count, count])
    }
  })

  it('tells differences and goes back, by a new save', async () => {
    await using manager = await open(fresh())
    const web = createBuild({ name: 'web', source: 'qemu' })
    await manager.update((draft) => draft.put(web))
    await manager.update((draft) => draft.put({ ...web, status: 'creating', metadata: { tries: [1] } }))
    await manager.update(async (draft) => {
      await draft.remove('web')
      await draft.put(counted('db', 1))
    })
    assert.deepEqual(await manager.diff(1, 2), [
      {
        name: 'web',
        change: 'changed',
        fields: [
          { field: 'status', from: 'pending', to: 'creating' },
          { field: 'metadata.tries', from: undefined, to: [1] },
        ],
      },
    ])
    assert.deepEqual(
      (await manager.diff(3, 2)).map(({ name, change }) => [name, change]),
      [
        ['db', 'removed'],
        ['web', 'added'],
      ],
    )
    assert.equal(await manager.rollback(1), 4)
    assert.deepEqual(await manager.get('web'), web)
    assert.equal(await manager.get('db'), null)
    await assert.rejects(manager.rollback(99), { code: 'NO_SUCH_SERIAL' })
    assert.deepEqual(await manager.verify(), [])
  })

  it('goes back over thousands of builds in about the time that it took to save them', async () => {
    await using manager = await open(fresh())
    const timed = async (task: () => Promise<unknown>) => {
      const startedAt = performance.now()
      await task()
      return performance.now() - startedAt
    }
    const builds = Array.from({ length: 6000 }, (_, index) => counted(`b${index}`, 1))
    const savedMs = await timed(() => manager.replace(builds))
    const diffedMs = await timed(async () => assert.equal((await manager.diff(0, 1)).length, builds.length))
    const rolledMs = await timed(() => manager.rollback(0))
    assert.equal((await manager.head()).buildCount, 0)
    for (const ms of [diffedMs, rolledMs]) assert.ok(ms < 20 * savedMs, `${ms} ms, saved in ${savedMs} ms`)
  })

  it('goes back before the changes of others in the same commit', async () => {
    await using manager = await open(fresh())
    await manager.update((draft) => draft.put(counted('x', 1)))
    await Promise.all([
      manager.update(async (draft) => {
        await draft.put(counted('x', 2))
        await draft.put(counted('y', 1))
      }),
      manager.rollback(1),
    ])
    assert.deepEqual([countOf(await manager.get('x')), await manager.get('y')], [1, null])
  })

  it('replaces builds that others of the same commit put, and sees what they removed', async () => {
    await using manager = await open(fresh())
    const names = async () => [...(await manager.load()).builds()].map(({ name }) => name)
    await Promise.all([manager.update((draft) => draft.put(counted('x', 1))), manager.replace([counted('y', 1)])])
    assert.deepEqual(await names(), ['y'])
    await Promise.all([manager.update((draft) => draft.remove('y')), manager.replace([counted('z', 1)])])
    assert.deepEqual(await names(), ['z'])
  })
})

describe('metrics', () => {
  it('count saves, failures, sizes and latencies', async () => {
    const metrics = createMetrics()
    await using manager = await StateManager.open(fresh(), { metrics, backups: false })
    await manager.update((draft) => draft.put(counted('x', 1)))
    await assert.rejects(manager.update((draft) => draft.remove('none')))
    await manager.load()
    const text = await metrics.metrics()
    assert.match(text, /holdfast_state_saves_total\{state="default",outcome="ok"\} 1/)
    assert.match(text, /holdfast_state_saves_total\{state="default",outcome="NOT_FOUND"\} 1/)
    assert.match(text, /holdfast_state_save_seconds_count\{state="default"\} 1/)
    assert.match(text, /holdfast_state_load_seconds_count\{state="default"\} 1/)
    assert.match(text, /holdfast_state_builds\{state="default"\} 1/)
    assert.match(text, /holdfast_state_size_bytes\{state="default"\} \d{4,}/)
    assert.match(text, /holdfast_lock_wait_seconds_count/)
  })

  it('tell how each state stands that is open and can be read', async () => {
    const metrics = createMetrics()
    const serials = async () => (await metrics.metrics()).match(/(?<=holdfast_state_serial\{state=)"\w+"\} \d+/g) ?? []
    const data = fresh()
    const openState = (name: string) => StateManager.open(data, { name, metrics, backups: false })
    const [first, second, gone] = [await openState('one'), await openState('one'), await openState('gone')]
    assert.deepEqual((await serials()).toSorted(), ['"gone"} 0', '"one"} 0'])
    await second.close()
    await first.update((draft) => draft.put(counted('x', 1)))
    rmSync(statePath(data, 'gone'))
    assert.deepEqual(await serials(), ['"one"} 1'])
    await first.close()
    await gone.close()
    assert.deepEqual(await serials(), [])
  })
})

function fresh(): string {
  return join(folder, String(states++))
}

function open(data: string): Promise<StateManager> {
  return StateManager.open(data, { backups: false })
}
