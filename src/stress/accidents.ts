/** Processes that are killed or stopped, disks that are slow, clocks that jump. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { StateManager, statePath } from '../state/index.ts'
import { Expectations, milliseconds, type Scenario } from './scenario.ts'
import { countOf, counting, countUp, SHARED } from './worker-roles.ts'
import { startWorker, type Worker } from './workers.ts'

const KILLS = 300
const HOUR_MS = 3_600_000
/** How long a slow disk keeps the database to another process, ms. */
const SLOW_MS = 200

export const accidents: Scenario[] = [
  {
    name: 'kill -9 of a writer at 300 moments',
    suite: 'state',
    seed: '',
    async run({ folder, scale }) {
      const expect = new Expectations()
      const kills = Math.max(2, Math.round(KILLS * scale))
      const lanes = [0, 1].map((lane) => killAgainAndAgain(join(folder, String(lane)), Math.ceil(kills / 2), expect))
      const saves = await Promise.all(lanes)
      return {
        failures: expect.failures,
        figures: {
          kills: String(kills),
          'saves acknowledged': String(saves.reduce((sum, count) => sum + count, 0)),
          lost: String(expect.failures.length),
        },
      }
    },
  },
  {
    name: 'slow I/O (a rival keeps the database for 200 ms at a time)',
    suite: 'state',
    seed: '',
    async run({ folder, seconds }) {
      const expect = new Expectations()
      await using manager = await StateManager.open(folder, { backups: false })
      await countUp(manager, 0)
      const delay = monitorEventLoopDelay({ resolution: 1 })
      const rival = keepBusy(statePath(folder, 'default'), seconds)
      delay.enable()
      let saves = 1
      const end = performance.now() + seconds * 1000
      while (performance.now() < end) {
        await countUp(manager, 0)
        saves += 1
      }
      delay.disable()
      await rival
      const kept = await countOf(manager, SHARED)
      expect.that(kept === saves, `${saves} saves were acknowledged, the state counts ${kept}`)
      return {
        failures: expect.failures,
        figures: { saves: String(saves), 'event loop blocked at most': milliseconds(delay.max / 1e6) },
      }
    },
  },
  {
    name: 'clock jumping by an hour, back and forth',
    suite: 'state',
    seed: '',
    async run({ folder, seconds }) {
      const expect = new Expectations()
      const realNow = Date.now
      let jumps = 0
      await using manager = await StateManager.open(folder, { backups: { everyMs: 60_000 } })
      const lock = await manager.lock({ operation: 'jump', ttlMs: 500 })
      try {
        const end = performance.now() + Math.min(seconds, 3) * 1000
        while (performance.now() < end) {
          const offset = [HOUR_MS, -HOUR_MS, 0][jumps++ % 3] ?? 0
          Date.now = () => realNow() + offset
          await manager.update((draft) => draft.put({ ...(draft.serial % 2 ? BUILD : OTHER) }), { lock })
          await sleep(20)
        }
      } finally {
        Date.now = realNow
      }
      expect.that(!lock.signal.aborted, 'the lock was lost')
      await lock.release()
      expect.that((await manager.head()).serial === jumps, 'saves are missing')
      return {
        failures: expect.failures,
        figures: { jumps: String(jumps), 'locks lost': String(Number(lock.signal.aborted)) },
      }
    },
  },
  {
    name: 'holder stopped past its TTL, then saves',
    suite: 'lock',
    seed: '',
    async run({ folder }) {
      const expect = new Expectations()
      await using manager = await StateManager.open(folder, { backups: false })
      const sleeper = startWorker('sleeper', { data: folder, ttlMs: 300 })
      try {
        await sleeper.ready
        await sleeper.kill('SIGUSR2')
        await sleeper.next()
        const startedAt = performance.now()
        const lock = await manager.lock({ operation: 'successor', waitMs: 60_000 })
        const takenMs = performance.now() - startedAt
        // In the pipe before it wakes: it tries to save before it has had any chance to renew.
        sleeper.go()
        await sleeper.kill('SIGCONT')
        const outcome = await sleeper.next<string>()
        expect.that(outcome === 'LOCK_LOST', `its save ended with ${outcome}`)
        expect.that((await manager.head()).serial === 0, 'its save is in the state')
        await manager.update((draft) => draft.put(BUILD), { lock })
        await lock.release()
        return {
          failures: expect.failures,
          figures: { 'taken over after': milliseconds(takenMs), 'its save': outcome },
        }
      } finally {
        await sleeper.kill('SIGKILL')
      }
    },
  },
]

const BUILD = counting('jumping', 1)
const OTHER = counting('jumping', 2)

/** @returns how many saves were acknowledged. */
async function killAgainAndAgain(folder: string, kills: number, expect: Expectations): Promise<number> {
  let acknowledged = 0
  let next = startWorker('victim', { data: folder })
  for (let kill = 0; kill < kills; kill++) {
    const victim = next
    // The next one starts up meanwhile.
    next = startWorker('victim', { data: folder })
    await victim.ready
    const said = listen(victim)
    victim.go()
    await said.first
    await sleep(Math.random() * 40)
    await victim.kill('SIGKILL')
    acknowledged = Math.max(acknowledged, said.last())
    const manager = await StateManager.open(folder, { backups: false })
    const kept = await countOf(manager, SHARED)
    expect.that(kept >= acknowledged, `kill ${kill}: ${acknowledged} saves were acknowledged, ${kept} are there`)
    expect.that(kept <= acknowledged + 1, `kill ${kill}: ${kept} saves are there, only ${acknowledged} were made`)
    await manager.close()
    acknowledged = kept
  }
  await next.kill('SIGKILL')
  const manager = await StateManager.open(folder, { backups: false })
  expect.that((await manager.verify()).length === 0, 'the state is damaged')
  await manager.close()
  return acknowledged
}

function listen(worker: Worker): { first: Promise<void>; last: () => number } {
  let last = 0
  const first = Promise.withResolvers<void>()
  worker.process.on('message', (message) => {
    if (typeof message !== 'number') return
    last = message
    first.resolve()
  })
  return { first: first.promise, last: () => last }
}

/** Takes the write lock of the database again and again, as a process on a slow disk does that is in its commit. */
async function keepBusy(path: string, seconds: number): Promise<void> {
  const rival = new DatabaseSync(path, { timeout: 0 })
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    try {
      rival.exec('BEGIN IMMEDIATE')
      await sleep(SLOW_MS)
      rival.exec('COMMIT')
    } catch (error) {
      if (rival.isTransaction) throw error
    }
    await sleep(5)
  }
  rival.close()
}
