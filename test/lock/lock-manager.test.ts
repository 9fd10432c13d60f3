import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { createMetrics, type Clock } from '../../src/base/index.ts'
import { LockHeldError, LockLostError, LockManager, LockTimeoutError, type Lock } from '../../src/lock/index.ts'
import { SqliteLocks } from '../../src/lock/sqlite/sqlite-locks.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { until } from './conformance.ts'

const folder = tempFolder('lock-manager')

describe('LockManager', () => {
  it('identifies its process', async () => {
    await using locks = await open()
    await using lock = await locks.acquire('who', { operation: 'build', info: 'web' })
    assert.match(lock.info.who, /^\S+@\S+ \(pid \d+\)$/)
    assert.equal(lock.info.operation, 'build')
    assert.equal(lock.info.info, 'web')
    assert.equal((await locks.read('who'))?.id, lock.id)
  })

  it('throws LockHeldError with the holder when it shall not wait', async () => {
    await using locks = await open()
    await using lock = await locks.acquire('held', { operation: 'build' })
    await assert.rejects(locks.acquire('held', { operation: 'other' }), (error) => {
      assert.ok(error instanceof LockHeldError)
      assert.equal(error.code, 'LOCK_HELD')
      assert.equal((error.details.holder as { id: string }).id, lock.id)
      assert.match(error.hint ?? '', new RegExp(`force-unlock held ${lock.id}`))
      return true
    })
  })

  it('throws LockTimeoutError after the wait, and leaves the line', async () => {
    await using locks = await open()
    await using lock = await locks.acquire('slow', { operation: 'build' })
    await assert.rejects(locks.acquire('slow', { operation: 'other', waitMs: 30 }), LockTimeoutError)
    assert.deepEqual((await locks.read('slow'))?.waiting, [])
    assert.equal((await locks.read('slow'))?.id, lock.id)
  })

  it("gives up with the signal's reason", async () => {
    await using locks = await open()
    const lock = await locks.acquire('stop', { operation: 'build' })
    const reason = new Error('changed my mind')
    const controller = new AbortController()
    const wait = locks.acquire('stop', { operation: 'other', waitMs: Infinity, signal: controller.signal })
    setTimeout(() => controller.abort(reason), 10)
    await assert.rejects(wait, (error) => error === reason)
    await lock.release()
  })

  it('renews a lock for as long as it is held', async () => {
    const clocks = new TestClocks()
    await using locks = await openWith(clocks)
    await using others = await openWith(clocks)
    await using lock = await locks.acquire('renewed', { operation: 'build', ttlMs: 150 })
    for (let round = 0; round < 4; round++) {
      clocks.pass(100)
      await until(() => clocks.isFresh(locks, 'renewed', 150))
      assert.equal(lock.signal.aborted, false)
      await assert.rejects(others.acquire('renewed', { operation: 'other' }), LockHeldError)
    }
  })

  it('tells a holder that its lock was broken, and refuses its release', async () => {
    await using locks = await open()
    await using others = await open()
    const lock = await locks.acquire('broken', { operation: 'build', ttlMs: 150 })
    await assert.rejects(others.forceUnlock('broken', 'guess'), { code: 'WRONG_LOCK_ID' })
    await others.forceUnlock('broken', lock.id)
    await until(async () => lock.signal.aborted)
    assert.ok(lock.signal.reason instanceof LockLostError)
    await assert.rejects(lock.release(), LockLostError)
    await assert.rejects(others.forceUnlock('broken', lock.id), { code: 'NOT_FOUND' })
  })

  it('says when others want the lock, or have it', async () => {
    await using locks = await open()
    await using others = await open()
    const lock = await locks.acquire('wanted', { operation: 'build' })
    assert.equal(await lock.isWanted(), false)
    const next = others.acquire('wanted', { operation: 'other', waitMs: 60_000 })
    await until(() => lock.isWanted())
    await others.forceUnlock('wanted', lock.id)
    const second = await next
    assert.deepEqual([await lock.isWanted(), await second.isWanted()], [true, false])
    await second.release()
    assert.equal(await second.isWanted(), true)
  })

  it('releases once, whoever asks and however often', async () => {
    await using locks = await open()
    const lock = await locks.acquire('twice', { operation: 'build' })
    await Promise.all([lock.release(), lock.release()])
    await lock.release()
    assert.equal(await locks.read('twice'), null)
  })

  it('tries again to release when the store fails for a moment', async () => {
    const store = await SqliteLocks.open(join(folder, 'failing.db'))
    const release = store.release.bind(store)
    let failures = 3
    store.release = (name, id) => (failures-- > 0 ? Promise.reject(new Error('disk full')) : release(name, id))
    await using locks = new LockManager(store)
    const lock = await locks.acquire('failing', { operation: 'build', ttlMs: 150 })
    await lock.release()
    assert.equal(failures, -1)
    assert.equal(await locks.read('failing'), null)
  })

  it('does not renew a lock that it is about to release', async () => {
    const store = await SqliteLocks.open(join(folder, 'stuck.db'))
    store.release = () => Promise.reject(new Error('disk full'))
    await using locks = new LockManager(store)
    const lock = await locks.acquire('stuck', { operation: 'build', ttlMs: 150 })
    const released = lock.release()
    await until(async () => (await locks.read('stuck'))?.status === 'expired')
    store.release = async () => true
    await released
  })

  it('keeps a detached lock when the manager is closed, for a release by id', async () => {
    const locks = await open()
    const lock = await locks.acquire('detached', { operation: 'deploy', isDetached: true })
    const attached = await locks.acquire('attached', { operation: 'deploy' })
    await locks.close()
    await using others = await open()
    assert.equal((await others.read('detached'))?.id, lock.id)
    assert.equal(await others.read('attached'), null, attached.id)
    await assert.rejects(others.release('detached', 'guess'), { code: 'WRONG_LOCK_ID' })
    await others.release('detached', lock.id)
    assert.equal(await others.read('detached'), null)
  })

  it('leaves no lock behind, whenever it is closed', async () => {
    await using others = await open()
    const holder = await others.acquire('taken', { operation: 'hold' })
    for (let ticks = 0; ticks < 15; ticks++) {
      const locks = await open()
      const asked = [
        locks.acquire('at once', { operation: 'build' }),
        locks.acquire('free', { operation: 'build', waitMs: 60_000 }),
        locks.acquire('taken', { operation: 'build', waitMs: 60_000 }),
      ]
      const settled = Promise.allSettled(asked)
      if (ticks > 0) await new Promise((resolve) => setImmediate(resolve))
      for (let tick = 1; tick < ticks; tick++) await Promise.resolve()
      await locks.close()
      await settled
      await assert.rejects(asked[2] ?? Promise.resolve(), { code: 'NOT_READY' })
      assert.deepEqual((await others.read('taken'))?.waiting, [])
      assert.deepEqual([await others.read('at once'), await others.read('free')], [null, null])
    }
    await holder.release()
  })

  it('gives up in time when the file of the locks is busy', { timeout: 30_000 }, async () => {
    await using locks = await open()
    const rival = new DatabaseSync(join(folder, 'locks.db'))
    rival.exec('BEGIN IMMEDIATE')
    await assert.rejects(locks.acquire('busy', { operation: 'build', waitMs: 30 }), LockTimeoutError)
    const signal = AbortSignal.timeout(30)
    await assert.rejects(locks.acquire('busy', { operation: 'build', signal }), (error) => error === signal.reason)
    rival.exec('ROLLBACK')
    rival.close()
    await using lock = await locks.acquire('busy', { operation: 'build' })
    assert.deepEqual((await locks.read('busy'))?.id, lock.id)
  })

  it('renews each lock in its own time, whatever is acquired during a renewal', async () => {
    const store = await SqliteLocks.open(join(folder, 'renewals.db'))
    const renew = store.renew.bind(store)
    await using locks = new LockManager(store)
    const renewed: string[] = []
    const other = Promise.withResolvers<Lock>()
    store.renew = async (name, id, ttlMs) => {
      renewed.push(name)
      if (renewed.length === 1) other.resolve(await locks.acquire('long', { operation: 'build' }))
      return renew(name, id, ttlMs)
    }
    await using short = await locks.acquire('short', { operation: 'build', ttlMs: 150 })
    await using long = await other.promise
    await until(async () => renewed.includes(long.name))
    const first = renewed.slice(0, renewed.indexOf(long.name))
    assert.ok(first.length > 2 && first.every((name) => name === short.name), renewed.join(' '))
  })

  it('ignores a wall clock that jumps by an hour, either way', async () => {
    const clocks = new TestClocks()
    await using locks = await openWith(clocks, { now: () => clocks.wallMs() })
    await using lock = await locks.acquire('jumping', { operation: 'build', ttlMs: 300 })
    for (const hours of [1, -1, 0]) {
      clocks.jumpedHours = hours
      await assert.rejects(locks.acquire('jumping', { operation: 'other' }), LockHeldError)
      clocks.pass(200)
      await until(() => clocks.isFresh(locks, 'jumping', 300))
      await assert.rejects(locks.acquire('jumping', { operation: 'other' }), LockHeldError)
      assert.equal(lock.signal.aborted, false)
    }
  })

  it('refuses impossible TTLs, and leaves the locks readable', async () => {
    await using locks = await open()
    for (const ttlMs of [-1, Number.NaN, Infinity, 1e16]) {
      await assert.rejects(locks.acquire('ttl', { operation: 'build', ttlMs }), { code: 'INVALID_REQUEST' })
    }
    assert.equal(await locks.read('ttl'), null)
  })

  it('refuses invalid names', async () => {
    await using locks = await open()
    for (const name of ['', 'a\nb', 'x'.repeat(201)]) {
      await assert.rejects(locks.acquire(name, { operation: 'build' }), { code: 'INVALID_REQUEST' })
    }
    await using lock = await locks.acquire('ünïcode / 锁 "quoted"', { operation: 'build' })
    assert.equal((await locks.list())[0]?.name, lock.name)
  })

  it('counts waits, failures and locks held', async () => {
    const metrics = createMetrics()
    await using locks = await LockManager.open(folder, { metrics })
    await using second = await LockManager.open(folder, { metrics })
    await using lock = await second.acquire('counted', { operation: 'build' })
    await assert.rejects(locks.acquire('counted', { operation: 'other' }))
    assert.equal(lock.signal.aborted, false)
    const text = await metrics.metrics()
    assert.match(text, /holdfast_lock_wait_seconds_count\{outcome="acquired"\} 1/)
    assert.match(text, /holdfast_lock_failures_total\{reason="LOCK_HELD"\} 1/)
    assert.match(text, /holdfast_locks_held 1/)
  })
})

function open(): Promise<LockManager> {
  return LockManager.open(folder)
}

/**
 * Time that passes when it is told to, so that no pause of this process can end a lock; and a wall clock that jumps.
 */
class TestClocks {
  jumpedHours = 0
  #nowMs = 1_000_000

  monotonicMs(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#nowMs + this.jumpedHours * 3_600_000
  }

  pass(ms: number): void {
    this.#nowMs += ms
  }

  /** Whether a lock was renewed at this moment. */
  async isFresh(locks: LockManager, name: string, ttlMs: number): Promise<boolean> {
    return Date.parse((await locks.read(name))?.expires ?? '') === this.wallMs() + ttlMs
  }
}

async function openWith(clocks: TestClocks, clock?: Clock): Promise<LockManager> {
  return new LockManager(await SqliteLocks.open(join(folder, 'clocks.db'), clocks), clock && { clock })
}
