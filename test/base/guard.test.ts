import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createGuard } from '../../src/base/index.ts'

const passing = new Error('it will pass')
const quick = {
  subject: 'the disk',
  isTransient: (error: unknown) => error === passing,
  initialDelayMs: 0,
  maxDelayMs: 1,
}

describe('createGuard', () => {
  it('tries again after transient failures', async () => {
    let tries = 0
    let retries = 0
    const guard = createGuard({ ...quick, onRetry: () => (retries += 1) })
    const result = await guard.run(() => {
      if (++tries < 4) throw passing
      return tries
    })
    assert.deepEqual([result, retries], [4, 3])
  })

  it('gives up after as many tries as it has, with the last error', async () => {
    let tries = 0
    const guard = createGuard({ ...quick, retries: 3 })
    const failing = guard.run(() => {
      tries += 1
      throw passing
    })
    await assert.rejects(failing, (error) => error === passing)
    assert.equal(tries, 4)
  })

  it('throws other failures at once', async () => {
    let tries = 0
    const other = new Error('it will not')
    const failing = createGuard(quick).run(() => {
      tries += 1
      throw other
    })
    await assert.rejects(failing, (error) => error === other)
    assert.equal(tries, 1)
  })

  it('leaves alone what keeps failing, and looks again later', async (t) => {
    t.mock.timers.enable({ apis: ['Date'] })
    const seen: boolean[] = []
    const guard = createGuard({
      ...quick,
      retries: 0,
      breakAfter: 3,
      resetAfterMs: 5000,
      onCircuit: (isOpen) => seen.push(isOpen),
    })
    let tries = 0
    let isBroken = true
    const task = () => {
      tries += 1
      if (isBroken) throw passing
      return 'well'
    }
    for (let round = 0; round < 3; round++) await assert.rejects(guard.run(task), (error) => error === passing)
    assert.equal(guard.isOpen, true)
    await assert.rejects(guard.run(task), { code: 'CIRCUIT_OPEN' })
    assert.equal(tries, 3)
    isBroken = false
    t.mock.timers.tick(4999)
    await assert.rejects(guard.run(task), { code: 'CIRCUIT_OPEN' })
    t.mock.timers.tick(1)
    assert.equal(await guard.run(task), 'well')
    assert.equal(guard.isOpen, false)
    assert.deepEqual(seen, [true, false])
  })
})
