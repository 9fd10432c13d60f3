import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { LockManager } from '../../src/lock/index.ts'
import { createBuild, StateManager } from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { until } from './conformance.ts'

const folder = tempFolder('nested-lock')
const OPERATION = { operation: 'test' }
let count = 0

/** The locks of a folder: opened from outside, and opened by a command that runs under some of them. */
async function open() {
  const data = join(folder, String(count++))
  const locks = await LockManager.open(data)
  after(() => locks.close())
  const under = (...ids: string[]) => LockManager.open(data, { within: ids })
  return { data, locks, under }
}

describe('a lock that is taken within itself', () => {
  it('is held at once, under the outer one’s token, by one at a time', async () => {
    const { locks, under } = await open()
    await using outer = await locks.acquire('x', OPERATION)
    await using inside = await under(outer.id)
    await using first = await inside.acquire('x', OPERATION)
    assert.deepEqual([first.name, first.fencingToken], ['x', outer.fencingToken])
    await using sibling = await under(outer.id)
    await assert.rejects(sibling.acquire('x', OPERATION), { code: 'LOCK_HELD' })
    assert.equal(await first.isWanted(), false)
    await assert.rejects(locks.acquire('x', OPERATION), { code: 'LOCK_HELD' })
    assert.equal((await locks.readInnermost('x'))?.id, first.id)
    await using deeper = await under(outer.id, first.id)
    await using third = await deeper.acquire('x', OPERATION)
    assert.equal(third.fencingToken, outer.fencingToken)
    await third.release()
    await first.release()
    assert.equal((await locks.read('x'))?.id, outer.id)
    const second = await sibling.acquire('x', OPERATION)
    await second.release()
    await assert.rejects(inside.acquire('x', { ...OPERATION, isDetached: true }), { code: 'LOCK_HELD' })
  })

  it('is an ordinary lock when the outer lock is not held, or is another', async () => {
    const { locks, under } = await open()
    const outer = await locks.acquire('x', OPERATION)
    await outer.release()
    await using inside = await under(outer.id)
    await using lock = await inside.acquire('x', OPERATION)
    assert.equal((await locks.read('x'))?.id, lock.id)
    await using other = await inside.acquire('y', OPERATION)
    assert.equal((await locks.read('y'))?.id, other.id)
  })

  for (const end of ['released', 'broken'] as const) {
    it(`is lost when the outer one is ${end}`, async () => {
      const { locks, under } = await open()
      const outer = await locks.acquire('x', OPERATION)
      await using inside = await under(outer.id)
      const lock = await inside.acquire('x', OPERATION)
      if (end === 'released') await outer.release()
      else await locks.forceUnlock('x', outer.id)
      await until(async () => lock.signal.aborted)
      assert.equal((lock.signal.reason as { code?: string }).code, 'LOCK_LOST')
      await using next = await locks.acquire('x', OPERATION)
      assert.ok(next.fencingToken > lock.fencingToken)
    })
  }
})

describe('a state whose lock is taken within itself', () => {
  const build = createBuild({ name: 'web', source: 'null.a' })

  it('is saved by its holder and by single saves only', async () => {
    const { data, locks } = await open()
    await using outer = await locks.acquire('state/default', OPERATION)
    await using manager = await StateManager.open(data, { within: [outer.id], backups: false })
    await manager.update((draft) => draft.put(build))
    await using lock = await manager.lock(OPERATION)
    await manager.update((draft) => draft.put({ ...build, status: 'creating' }), { lock })
    assert.equal((await manager.head()).serial, 2)
    await using stranger = await StateManager.open(data, { backups: false })
    await assert.rejects(
      stranger.update((draft) => draft.put(build), { waitMs: 50 }),
      { code: 'LOCK_TIMEOUT' },
    )
  })

  it('refuses the saves of a holder that another overtook, within the same lock or after it', async () => {
    const { data, locks } = await open()
    const outer = await locks.acquire('state/default', OPERATION)
    await using first = await StateManager.open(data, { within: [outer.id], backups: false })
    await using second = await StateManager.open(data, { within: [outer.id], backups: false })
    const stale = await first.lock(OPERATION)
    // As if it had slept for longer than its TTL.
    await locks.forceUnlock('state/default/within', stale.id)
    const lock = await second.lock(OPERATION)
    const save = (manager: StateManager, held: typeof lock) =>
      manager.update((draft) => draft.put(build), { lock: held })
    await assert.rejects(save(first, stale), { code: 'LOCK_LOST' })
    await outer.release()
    await using third = await StateManager.open(data, { backups: false })
    await using next = await third.lock(OPERATION)
    await assert.rejects(save(second, lock), { code: 'LOCK_LOST' })
    await save(third, next)
  })
})
