/** What every LockStore must do, checked with two independent handles to one store. */
import assert from 'node:assert/strict'
import { randomId } from '../../src/base/index.ts'
import type { Grant, LockRequest, LockStore } from '../../src/lock/index.ts'

export interface Handles {
  a: LockStore
  b: LockStore
}

type Check = (handles: Handles) => Promise<void>

export const LOCK_STORE_CHECKS: Readonly<Record<string, Check>> = {
  async 'gives a free lock at once and shows its holder to every handle'({ a, b }) {
    const request = ask('free', { operation: 'build', info: '{"why":"test"}' })
    const { fencingToken } = await granted(a, request)
    for (const handle of [a, b]) {
      const holder = await handle.read('free')
      assert.ok(holder)
      const { id, name, operation, who, version, created, info } = holder
      assert.deepEqual({ id, name, operation, who, version, created, info }, request.info)
      assert.equal(holder.fencingToken, fencingToken)
      assert.equal(holder.status, 'held')
      assert.deepEqual(holder.waiting, [])
      assert.deepEqual(
        (await handle.list()).map((lock) => lock.name),
        ['free'],
      )
    }
  },

  async 'never has two holders'({ a, b }) {
    await granted(a, ask('one'))
    for (const handle of [a, b]) {
      const answer = await handle.acquire(ask('one'))
      assert.ok('holder' in answer, 'a second holder was let in')
    }
  },

  async 'answers a refusal with the holder'({ a, b }) {
    const first = ask('refused')
    await granted(a, first)
    const answer = await b.acquire(ask('refused'))
    assert.ok('holder' in answer)
    assert.equal(answer.holder.id, first.info.id)
    assert.equal((await b.read('refused'))?.waiting.length, 0, 'a refused caller stands in line')
  },

  async 'answers the same request again with the same grant, for the first answer may have been lost'({ a, b }) {
    const request = ask('again')
    const first = await granted(a, request)
    const second = await granted(b, request)
    assert.equal(second.fencingToken, first.fencingToken)
  },

  async 'keeps locks with different names apart'({ a, b }) {
    await granted(a, ask('left'))
    await granted(b, ask('right'))
    assert.deepEqual(
      (await a.list()).map((lock) => lock.name),
      ['left', 'right'],
    )
  },

  async 'frees a lock on release, once, and only under its id'({ a, b }) {
    const request = ask('release')
    await granted(a, request)
    assert.equal(await b.release('release', 'another'), false)
    assert.ok(await a.read('release'))
    assert.equal(await b.release('release', request.info.id), true)
    assert.equal(await a.read('release'), null)
    assert.equal(await a.release('release', request.info.id), false)
    assert.equal(await a.release('never-asked-for', 'x'), false)
  },

  async 'gives ever greater fencing tokens, and greater than the token it is given'({ a, b }) {
    const tokens: number[] = []
    for (const [turn, tokenAbove] of [0, 0, 1000, 0, 5].entries()) {
      const request = { ...ask('tokens'), tokenAbove }
      const handle = turn % 2 === 0 ? a : b
      const { fencingToken } = await granted(handle, request)
      assert.ok(fencingToken > tokenAbove)
      tokens.push(fencingToken)
      await handle.release('tokens', request.info.id)
    }
    assert.deepEqual(
      tokens,
      tokens.toSorted((x, y) => x - y),
    )
    assert.equal(new Set(tokens).size, tokens.length)
  },

  async 'passes a lock on in the order of requests, across all handles'({ a, b }) {
    const first = ask('line')
    await granted(a, first)
    const order: number[] = []
    const waits: Promise<void>[] = []
    for (const turn of [0, 1, 2, 3, 4, 5]) {
      const handle = turn % 2 === 0 ? a : b
      const request = { ...ask('line'), wait: true }
      const wait = async () => {
        await granted(handle, request)
        order.push(turn)
        // Longer than any turn that a store may give one process.
        await delay(15)
        await handle.release('line', request.info.id)
      }
      const waiting = wait()
      waiting.catch(() => {})
      waits.push(waiting)
      await until(async () => (await a.read('line'))?.waiting.length === turn + 1)
    }
    assert.equal((await b.read('line'))?.id, first.info.id)
    await a.release('line', first.info.id)
    await Promise.all(waits)
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5])
    assert.equal(await a.read('line'), null)
  },

  async 'tells a waiter about the holder, once'({ a, b }) {
    const first = ask('told')
    await granted(a, first)
    const told: string[] = []
    const wait = granted(b, { ...ask('told'), wait: true, onWait: (holder) => told.push(holder.id) })
    await until(async () => (await a.read('told'))?.waiting.length === 1)
    await a.release('told', first.info.id)
    await wait
    assert.deepEqual(told, [first.info.id])
  },

  async 'lets a waiter give up, and forgets its place'({ a, b }) {
    const first = ask('given-up')
    await granted(a, first)
    const controller = new AbortController()
    const quitter = b.acquire({ ...ask('given-up'), wait: true }, controller.signal)
    const stayer = granted(b, { ...ask('given-up'), wait: true })
    stayer.catch(() => {})
    await until(async () => (await a.read('given-up'))?.waiting.length === 2)
    const reason = new Error('enough')
    controller.abort(reason)
    await assert.rejects(quitter, (error) => error === reason)
    assert.equal((await a.read('given-up'))?.waiting.length, 1)
    await a.release('given-up', first.info.id)
    await stayer
    await assert.rejects(b.acquire(ask('given-up'), AbortSignal.abort(reason)), (error) => error === reason)
  },

  async 'takes a lock over when its time is up, and says from whom'({ a, b }) {
    const first = { ...ask('expired'), ttlMs: shortest(a), isDetached: true }
    await granted(a, first)
    const second = await granted(b, { ...ask('expired'), wait: true })
    assert.equal(second.abandonedBy?.id, first.info.id)
    assert.equal(await a.renew('expired', first.info.id, 1000), false, 'the first holder could renew')
    assert.equal(await a.release('expired', first.info.id), false, 'the first holder could release')
    assert.ok(await b.read('expired'), 'the second holder lost it')
  },

  async 'keeps a lock that is renewed, far beyond its time'({ a, b }) {
    const request = { ...ask('renewed'), ttlMs: shortest(a) }
    await granted(a, request)
    for (let turn = 0; turn < 5; turn++) {
      await delay(shortest(a) / 2)
      assert.equal(await a.renew('renewed', request.info.id, shortest(a) * 2), true)
    }
    // The last one so long that a pause of this process does not end it.
    assert.equal(await a.renew('renewed', request.info.id, shortest(a) * 20), true)
    assert.ok('holder' in (await b.acquire(ask('renewed'))), 'it expired')
    assert.equal(await b.renew('renewed', 'another', 1000), false)
    assert.equal(await b.renew('nobody-has-it', 'x', 1000), false)
  },

  async 'breaks a lock for the id that read shows, and for no other'({ a, b }) {
    const request = ask('broken')
    await granted(a, request)
    assert.equal(await b.forceRelease('broken', 'another'), false)
    assert.equal((await a.read('broken'))?.id, request.info.id)
    const next = granted(b, { ...ask('broken'), wait: true })
    await until(async () => (await a.read('broken'))?.waiting.length === 1)
    assert.equal(await b.forceRelease('broken', request.info.id), true)
    await next
    assert.equal(await a.renew('broken', request.info.id, 1000), false, 'the broken lock could be renewed')
    assert.equal(await b.forceRelease('never-asked-for', 'x'), false)
  },

  async 'admits one caller at a time however many ask, and all of them in the end'({ a, b }) {
    let holders = 0
    let served = 0
    const contend = async (handle: LockStore) => {
      for (let turn = 0; turn < 5; turn++) {
        const request = { ...ask('crowd'), wait: true }
        await granted(handle, request)
        holders += 1
        assert.equal(holders, 1, 'two are in')
        await delay(0)
        holders -= 1
        served += 1
        await handle.release('crowd', request.info.id)
      }
    }
    await Promise.all(Array.from({ length: 20 }, (_, index) => contend(index % 2 === 0 ? a : b)))
    assert.equal(served, 100)
  },

  async 'gives up the waits of a handle that is closed'({ a, b }) {
    const first = ask('closing')
    await granted(a, first)
    const wait = b.acquire({ ...ask('closing'), wait: true })
    await until(async () => (await a.read('closing'))?.waiting.length === 1)
    await Promise.all([assert.rejects(wait, { code: 'NOT_READY' }), b.close()])
    assert.equal((await a.read('closing'))?.waiting.length, 0)
    await b.close()
  },

  async 'grants nothing to callers that ask while the handle is closed'({ a, b }) {
    const asked = [true, false].map((wait) => b.acquire({ ...ask(`late ${wait}`), wait }))
    const refused = asked.map((answer) => assert.rejects(answer, { code: 'NOT_READY' }))
    await Promise.all([...refused, b.close()])
    await assert.rejects(b.acquire(ask('later')), { code: 'NOT_READY' })
    assert.deepEqual(await a.list(), [])
  },
}

function ask(name: string, about: Partial<LockRequest['info']> = {}): LockRequest {
  const info = {
    id: randomId(12),
    name,
    operation: 'test',
    who: 'someone@somewhere (pid 1)',
    version: '1.0.0',
    created: new Date().toISOString(),
    info: '',
    ...about,
  }
  return { info, ttlMs: 30_000, tokenAbove: 0, isDetached: false, wait: false }
}

async function granted(store: LockStore, request: LockRequest): Promise<Grant> {
  const answer = await store.acquire(request)
  assert.ok(!('holder' in answer), 'the lock was refused')
  return answer
}

function shortest(store: LockStore): number {
  return store.capabilities.minTtlMs
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(2)
}
