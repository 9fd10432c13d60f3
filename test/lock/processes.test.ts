/** Locks between real processes, which get killed and stopped. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { closeSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LockManager } from '../../src/lock/index.ts'
import { turnedBits } from '../helpers/damaged-index.ts'
import { startProgram } from '../helpers/program.ts'
import { withSmallDisk } from '../helpers/small-disk.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { until } from './conformance.ts'

const folder = tempFolder('lock-processes')
const HOLD = join(import.meta.dirname, 'programs/hold.ts')

describe('locks between processes', () => {
  it('pass to the next at once when their holder is killed, however long their TTL', async () => {
    await using locks = await LockManager.open(folder)
    const holder = startProgram(HOLD, [folder, 'killed', '3600000'])
    await holder.line()
    const before = await locks.read('killed')
    const wait = locks.acquire('killed', { operation: 'test', waitMs: Infinity })
    await until(async () => (await locks.read('killed'))?.waiting.length === 1)
    holder.kill('SIGKILL')
    await using lock = await wait
    assert.equal(lock.abandonedBy?.id, before?.id)
    assert.ok(lock.fencingToken > (before?.fencingToken ?? Infinity))
  })

  it('show a killed holder as abandoned, and need no force-unlock', async () => {
    await using locks = await LockManager.open(folder)
    const holder = startProgram(HOLD, [folder, 'shown', '3600000'])
    await holder.line()
    holder.kill('SIGKILL')
    await holder.ended
    assert.equal((await locks.read('shown'))?.status, 'abandoned')
    const lock = await locks.acquire('shown', { operation: 'test' })
    await lock.release()
  })

  it('pass over killed waiters in the line', async () => {
    await using locks = await LockManager.open(folder)
    const first = await locks.acquire('line', { operation: 'test' })
    const dead = startProgram(HOLD, [folder, 'line'])
    await until(async () => (await locks.read('line'))?.waiting.length === 1)
    const living = startProgram(HOLD, [folder, 'line'])
    await until(async () => (await locks.read('line'))?.waiting.length === 2)
    dead.kill('SIGKILL')
    await dead.ended
    await first.release()
    assert.match(await living.line(), /^held/)
  })

  it('are lost by a holder that is stopped beyond the TTL, and it learns so', async () => {
    await using locks = await LockManager.open(folder)
    const holder = startProgram(HOLD, [folder, 'stopped', '300'])
    const token = Number((await holder.line()).split(' ')[1])
    holder.kill('SIGUSR2')
    assert.equal(await holder.line(), 'stops')
    await using lock = await locks.acquire('stopped', { operation: 'test', waitMs: Infinity })
    assert.ok(lock.fencingToken > token)
    holder.kill('SIGCONT')
    assert.equal(await holder.line(), 'lost')
  })
})

describe('a full disk', () => {
  it('is reported as full, and locks work again when there is space', async (t) => {
    await withSmallDisk(t, 'size=300k', async (disk) => {
      await using locks = await LockManager.open(disk)
      const held = await locks.acquire('held', { operation: 'test' })
      const acquireMany = async () => {
        for (let index = 0; index < 2000; index++) await locks.acquire(`${index}`, { operation: 'x'.repeat(100) })
      }
      await assert.rejects(acquireMany(), { code: 'NO_SPACE', retryable: true })
      const release = held.release()
      spawnSync('mount', ['-o', 'remount,size=10m', disk])
      await release
      await using _ = await locks.acquire('held', { operation: 'test' })
    })
  })

  it('is reported as full by locks that are opened on it', async (t) => {
    await withSmallDisk(t, 'size=1m', async (disk) => {
      await using locks = await LockManager.open(disk)
      await (await locks.acquire('x', { operation: 'test' })).release()
      await locks.close()
      const file = openSync(join(disk, 'filler'), 'w')
      // To the last byte: what SQLite needs first is a file of its own beside the database.
      for (const size of [4096, 1]) while (canWrite(file, size));
      closeSync(file)
      await assert.rejects(LockManager.open(disk), { code: 'NO_SPACE' })
      rmSync(join(disk, 'filler'))
      await using again = await LockManager.open(disk)
      await (await again.acquire('x', { operation: 'test' })).release()
    })
  })
})

function canWrite(file: number, size: number): boolean {
  try {
    return writeSync(file, Buffer.alloc(size, 1)) === size
  } catch {
    return false
  }
}

describe('damaged locks', () => {
  it('stay taken until they are broken by the id that is shown', async () => {
    await using locks = await LockManager.open(folder)
    const lock = await locks.acquire('damaged', { operation: 'test' })
    scribble("UPDATE locks SET record = replace(record, 'test', 'tost') WHERE name = 'damaged'")
    await assert.rejects(locks.acquire('damaged', { operation: 'test' }), (error) => {
      return (error as { code: string; hint: string }).hint.includes('force-unlock damaged damaged-')
    })
    const shown = await locks.read('damaged')
    assert.equal(shown?.status, 'damaged')
    await assert.rejects(locks.forceUnlock('damaged', lock.id), { code: 'WRONG_LOCK_ID' })
    await locks.forceUnlock('damaged', shown.id)
    await using next = await locks.acquire('damaged', { operation: 'test' })
    assert.ok(next.fencingToken > lock.fencingToken)
  })

  it('do not stop callers that wait for other locks', async () => {
    await using locks = await LockManager.open(folder)
    await locks.acquire('bad', { operation: 'test', isDetached: true })
    scribble("UPDATE locks SET checksum = checksum + 1 WHERE name = 'bad'")
    await using lock = await locks.acquire('good', { operation: 'test' })
    const statuses = new Map((await locks.list()).map(({ name, status }) => [name, status]))
    assert.equal(statuses.get('bad'), 'damaged')
    assert.equal(statuses.get(lock.name), 'held')
  })

  it('give a place in line back to one whose place was lost', async () => {
    await using locks = await LockManager.open(folder)
    const first = await locks.acquire('place', { operation: 'test' })
    const wait = locks.acquire('place', { operation: 'test', waitMs: Infinity })
    await until(async () => (await locks.read('place'))?.waiting.length === 1)
    scribble('UPDATE waiters SET checksum = checksum + 1')
    await first.release()
    await using second = await wait
    assert.ok(second.fencingToken > first.fencingToken)
  })

  it('are never taken for one another, wherever a bit of their index turned', async () => {
    const other = tempFolder('lock-index')
    const names = Array.from({ length: 30 }, (_, index) => `lock-${index}`)
    const before = await LockManager.open(other)
    for (const name of names) await before.acquire(name, { operation: name, isDetached: true, ttlMs: 3_600_000 })
    await before.close()
    let told = 0
    for (const bit of turnedBits(join(other, 'locks.db'), 'locks')) {
      await using locks = await LockManager.open(other)
      for (const name of names) {
        const read = await locks.read(name).catch((error: unknown) => {
          told += 1
          assert.equal((error as { code: unknown }).code, 'LOCK_DAMAGED', String(error))
          return null
        })
        if (read) assert.deepEqual([read.name, read.operation], [name, name], bit)
      }
    }
    assert.ok(told > 0)
  })

  it('end the waits of a process, and not the process', async () => {
    const other = tempFolder('lock-damage')
    await using locks = await LockManager.open(other)
    await locks.acquire('taken', { operation: 'test', isDetached: true })
    const wait = locks.acquire('taken', { operation: 'test', waitMs: Infinity })
    await until(async () => (await locks.read('taken'))?.waiting.length === 1)
    scribble('DROP TABLE locks', join(other, 'locks.db'))
    await assert.rejects(wait, (error) => error instanceof Error)
  })

  it('are found at open when their file is not a database, which is left as it is', async () => {
    const other = tempFolder('lock-file')
    writeFileSync(join(other, 'locks.db'), 'this is not a database, but long enough to be looked at as one')
    await assert.rejects(LockManager.open(other), { code: 'LOCK_DAMAGED' })
    rmSync(join(other, 'locks.db'))
    const reopened = await LockManager.open(other)
    await reopened.close()
  })
})

/** Changes the file behind the locks' back. */
function scribble(statement: string, path = join(folder, 'locks.db')): void {
  const connection = new DatabaseSync(path, { timeout: 2000 })
  connection.exec(statement)
  connection.close()
}

it('loses locks whose file was removed, and lets no caller wait for them', async () => {
  const data = tempFolder('lock-removed')
  await using locks = await LockManager.open(data)
  const lock = await locks.acquire('x', { operation: 'test', ttlMs: 300 })
  const waiter = await LockManager.open(data)
  const wait = waiter.acquire('x', { operation: 'test', waitMs: Infinity })
  await until(async () => (await locks.read('x'))?.waiting.length === 1)
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(data, `locks.db${suffix}`), { force: true })
  await assert.rejects(wait, { code: 'LOCKS_REPLACED', retryable: true })
  // It looks only so often.
  await sleep(20)
  await assert.rejects(locks.acquire('y', { operation: 'test' }), { code: 'LOCKS_REPLACED' })
  await assert.rejects(locks.read('x'), { code: 'LOCKS_REPLACED' })
  await until(async () => lock.signal.aborted)
  assert.throws(() => lock.assertHeld(), { code: 'LOCK_LOST' })

  await using next = await LockManager.open(data)
  await using taken = await next.acquire('x', { operation: 'test' })
  await assert.rejects(lock.release(), { code: 'LOCK_LOST' })
  await waiter.close()
  assert.equal((await next.read('x'))?.id, taken.id)
})
