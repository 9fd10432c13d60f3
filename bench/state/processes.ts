/** Twenty saving and fifty reading processes; and what waiting does to the event loop. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { StateManager } from '../../src/state/index.ts'
import { runTogether } from '../../src/stress/workers.ts'
import { startCompiled } from './compiled.ts'
import { countOf, countUp, SHARED, type WorkReport } from '../../src/stress/worker-roles.ts'
import { ms, type Row } from './measure.ts'

const WRITERS = 20
const READERS = 50

export async function benchProcesses(folder: string, seconds: number): Promise<Row[]> {
  const manager = await StateManager.open(folder, { backups: false })
  const reports = await runTogether<WorkReport>([
    ...Array.from({ length: WRITERS }, (_, index) => startCompiled('writer', { data: folder, index, seconds })),
    ...Array.from({ length: READERS }, () => startCompiled('reader', { data: folder, writers: WRITERS, seconds })),
  ])
  const [writers, readers] = [reports.slice(0, WRITERS), reports.slice(WRITERS)]
  const done = writers.map((report) => report.done)
  const saved = done.reduce((sum, count) => sum + count, 0)
  const lost = saved - (await countOf(manager, SHARED))
  await manager.close()
  const errors = reports.flatMap((report) => report.errors).length
  const rate = saved / seconds
  const fair = Math.min(...done) / Math.max(...done)
  const slowest = Math.max(...readers.map(({ slowestMs }) => slowestMs))
  const peers = {}
  return [
    {
      work: '20 saving + 50 reading processes: errors, lost saves',
      ours: `${errors} errors, ${lost} lost`,
      peers,
      bar: '0 and 0',
      holds: errors === 0 && lost === 0,
    },
    { work: 'their durable saves', ours: `${rate.toFixed(0)}/s`, peers, bar: '>= 500/s', holds: rate >= 500 },
    { work: 'least-served writer / most-served', ours: fair.toFixed(2), peers, bar: '>= 0.5', holds: fair >= 0.5 },
    { work: 'longest wait of a reader', ours: ms(slowest), peers, bar: '<= 50 ms', holds: slowest <= 50 },
  ]
}

/** One process waits for a lock and for a database that another keeps busy; its event loop must not notice. */
export async function benchLoop(folder: string, seconds: number): Promise<Row[]> {
  const manager = await StateManager.open(folder, { backups: false })
  await countUp(manager, 0)
  const rivals = Array.from({ length: 3 }, (_, index) =>
    startCompiled('writer', { data: folder, index: index + 1, seconds }),
  )
  const delay = monitorEventLoopDelay({ resolution: 1 })
  const mine = async () => {
    const lock = await manager.lock({ operation: 'bench', waitMs: 60_000 })
    delay.enable()
    const waits = Array.from({ length: 20 }, () =>
      manager.update((draft) => draft.get('none'), { waitMs: seconds * 500 }).catch(() => {}),
    )
    await Promise.all(waits)
    await lock.release()
    delay.disable()
  }
  await Promise.all([runTogether(rivals), mine()])
  await manager.close()
  const longest = delay.max / 1e6
  return [
    {
      work: 'event loop blocked, at most, by waits for the lock and a busy database',
      ours: ms(longest),
      peers: {},
      bar: '<= 20 ms',
      holds: longest <= 20,
    },
  ]
}
