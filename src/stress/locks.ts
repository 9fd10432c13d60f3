/** Locks under contention, in one process and in many. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { LockManager } from '../lock/index.ts'
import { Expectations, fairness, milliseconds, perSecond, type Scenario } from './scenario.ts'
import type { WorkReport } from './worker-roles.ts'
import { runTogether, startWorker } from './workers.ts'

const CONTENDERS = 100
const TURNS = 50
const PROCESSES = 20

export const locks: Scenario[] = [
  {
    name: 'Contention (100 x 50)',
    suite: 'lock',
    seed: '25,957 attempts/s, of which 0.9 % won',
    async run({ folder }) {
      const expect = new Expectations()
      await using manager = await LockManager.open(folder)
      const order: number[] = []
      let inside = 0
      const startedAt = performance.now()
      const contend = async (_: unknown, contender: number) => {
        for (let turn = 0; turn < TURNS; turn++) {
          const lock = await manager.acquire('contended', { operation: 'stress', waitMs: Infinity })
          inside += 1
          expect.that(inside === 1, 'two held the lock at once')
          order.push(contender)
          inside -= 1
          await lock.release()
        }
      }
      await Promise.all(Array.from({ length: CONTENDERS }, contend))
      const ms = performance.now() - startedAt
      const isFifo = order.every((contender, index) => contender === order[index % CONTENDERS])
      expect.that(order.length === CONTENDERS * TURNS, `${order.length} acquisitions`)
      expect.that(isFifo, 'the locks were not granted in the order of asking')
      return {
        failures: expect.failures,
        figures: {
          won: `${order.length} of ${CONTENDERS * TURNS}`,
          acquisitions: perSecond(order.length, ms),
          order: isFifo ? 'FIFO' : 'mixed',
        },
      }
    },
  },
  cycles('Sequential (1,000)', 1000, '100-200 us a cycle'),
  cycles('RapidAcquireRelease (10,000)', 10_000, 'stable, no figure'),
  {
    name: 'AbandonedLock (holder killed)',
    suite: 'lock',
    seed: 'found, and broken by hand with ForceUnlock',
    async run({ folder }) {
      const expect = new Expectations()
      await using manager = await LockManager.open(folder)
      const holder = startWorker('sleeper', { data: folder, ttlMs: 3_600_000 })
      await holder.ready
      const wait = manager.acquire('state/default', { operation: 'stress', waitMs: Infinity })
      const startedAt = performance.now()
      await holder.kill('SIGKILL')
      const lock = await wait
      const takenMs = performance.now() - startedAt
      expect.that(lock.abandonedBy !== null, 'the dead holder is not named')
      await expect.refusal('LOCK_HELD', () => manager.acquire('state/default', { operation: 'other' }))
      await expect.refusal('WRONG_LOCK_ID', () => manager.forceUnlock('state/default', 'guess'))
      await manager.forceUnlock('state/default', lock.id)
      await expect.refusal('LOCK_LOST', () => lock.release())
      return { failures: expect.failures, figures: { 'taken over after': milliseconds(takenMs), 'its TTL': '1 h' } }
    },
  },
  {
    name: 'ManyManagers (20 processes)',
    suite: 'lock',
    seed: 'correct in one process',
    run: ({ folder, seconds }) => contendInProcesses(folder, PROCESSES, 1, Math.min(seconds, 5)),
  },
  {
    name: 'StarvationCheck (10 processes x 10)',
    suite: 'lock',
    seed: 'fairness > 0.5',
    run: ({ folder, seconds }) => contendInProcesses(folder, 10, 10, seconds),
  },
  {
    name: 'LockFileCorruption',
    suite: 'lock',
    seed: '',
    async run({ folder }) {
      const expect = new Expectations()
      await using manager = await LockManager.open(folder)
      let damages = 0
      for (const column of ['token', 'deadline', 'record', 'checksum']) {
        const name = `damaged ${column}`
        const lock = await manager.acquire(name, { operation: 'stress' })
        const connection = new DatabaseSync(join(folder, 'locks.db'), { timeout: 1000 })
        connection.exec(`UPDATE locks SET ${column} = '7' WHERE name = '${name}'`)
        connection.close()
        await expect.refusal('LOCK_DAMAGED', () => manager.acquire(name, { operation: 'other' }))
        const shown = await manager.read(name)
        expect.that(shown?.status === 'damaged', `${name} is shown as ${shown?.status}`)
        await manager.forceUnlock(name, shown?.id ?? '')
        const next = await manager.acquire(name, { operation: 'other' })
        expect.that(next.fencingToken > lock.fencingToken, `the token went back from ${lock.fencingToken}`)
        await next.release()
        damages += 1
      }
      return { failures: expect.failures, figures: { records: String(damages), 'let in unnoticed': '0' } }
    },
  },
]

function cycles(name: string, count: number, seed: string): Scenario {
  return {
    name,
    suite: 'lock',
    seed,
    async run({ folder }) {
      const expect = new Expectations()
      await using manager = await LockManager.open(folder)
      let last = 0
      const startedAt = performance.now()
      for (let turn = 0; turn < count; turn++) {
        const lock = await manager.acquire('cycled', { operation: 'stress' })
        expect.that(lock.fencingToken > last, 'a fencing token did not grow')
        last = lock.fencingToken
        await lock.release()
      }
      const ms = performance.now() - startedAt
      expect.that((await manager.list()).length === 0, 'a lock was left')
      return { failures: expect.failures, figures: { 'acquire + release': milliseconds(ms / count) } }
    },
  }
}

async function contendInProcesses(folder: string, processes: number, contenders: number, seconds: number) {
  const expect = new Expectations()
  const options = { data: folder, name: 'contended', contenders, seconds }
  const workers = Array.from({ length: processes }, () => startWorker('contender', options))
  const reports = (await runTogether<WorkReport[]>(workers)).flat()
  const errors = reports.flatMap((report) => report.errors)
  const total = reports.reduce((sum, report) => sum + report.done, 0)
  const served = reports.map(({ done }) => done)
  expect.that(errors.length === 0, `${errors.length} errors, the first: ${errors[0]}`)
  expect.that(Math.min(...served) > 0, 'a caller was never served')
  return {
    failures: expect.failures,
    figures: {
      acquisitions: perSecond(total, seconds * 1000),
      fairness: fairness(served).toFixed(2),
      'slowest wait': milliseconds(Math.max(...reports.map(({ slowestMs }) => slowestMs))),
    },
  }
}
