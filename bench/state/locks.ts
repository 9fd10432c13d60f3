/** Locks: one after another, a hundred contenders in a process, a hundred in ten. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lock as lockFile } from 'proper-lockfile'
import { LockManager } from '../../src/lock/index.ts'
import { runTogether } from '../../src/stress/workers.ts'
import { startCompiled } from './compiled.ts'
import type { WorkReport } from '../../src/stress/worker-roles.ts'
import { median, ms, race, timed, type Row } from './measure.ts'

const CONTENDERS = 100
const TURNS = 50
const ROUNDS = 5

export async function benchLocks(folder: string, seconds: number): Promise<Row[]> {
  mkdirSync(folder, { recursive: true })
  const locks = await LockManager.open(folder)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  const cycle = await race(
    {
      ours: async () => (await locks.acquire('cycle', { operation: 'bench' })).release(),
      properLockfile: async () => (await lockFile(file))(),
    },
    2000,
  )
  const order: number[] = []
  const contend = async (_: unknown, contender: number) => {
    for (let turn = 0; turn < TURNS; turn++) {
      const lock = await locks.acquire('contended', { operation: 'bench', waitMs: Infinity })
      order.push(contender)
      await lock.release()
    }
  }
  const all = () => Promise.all(Array.from({ length: CONTENDERS }, contend))
  const rates: number[] = []
  for (let round = 0; round <= ROUNDS; round++) rates.push(((CONTENDERS * TURNS) / (await timed(all))) * 1000)
  // The first is for the compilers.
  const rate = median(rates.slice(1))
  const isFifo = order.every((contender, index) => contender === order[index % CONTENDERS])
  await locks.close()
  const options = { data: folder, name: 'shared', contenders: 10, seconds }
  const reports = (
    await runTogether<WorkReport[]>(Array.from({ length: 10 }, () => startCompiled('contender', options)))
  ).flat()
  const served = reports.map(({ done }) => done)
  const shared = served.reduce((sum, done) => sum + done, 0) / seconds
  const fair = Math.min(...served) / Math.max(...served)
  return [
    {
      work: 'acquire and release a lock',
      ours: ms(cycle.ours),
      peers: { 'proper-lockfile': ms(cycle.properLockfile) },
      bar: '<= 100 us',
      holds: cycle.ours <= 0.1,
    },
    {
      work: '100 contenders x 50 in a process',
      ours: `${rate.toFixed(0)}/s, ${isFifo ? 'all in FIFO order' : 'not in order'}`,
      peers: {},
      bar: '>= 12,000/s, in FIFO order',
      holds: rate >= 12_000 && isFifo,
    },
    {
      work: '100 contenders in 10 processes',
      ours: `${shared.toFixed(0)}/s`,
      peers: {},
      bar: '>= 5,000/s',
      holds: shared >= 5000,
    },
    {
      work: 'fairness of that lock: least served / most served',
      ours: fair.toFixed(2),
      peers: {},
      bar: '>= 0.9',
      holds: fair >= 0.9,
    },
  ]
}
