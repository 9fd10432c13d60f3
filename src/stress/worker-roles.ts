/** What worker processes do. Each role opens what it needs, and then returns what to do on `go`. */
import { setTimeout as sleep } from 'node:timers/promises'
import { LockManager } from '../lock/index.ts'
import { StateManager, type Build } from '../state/index.ts'
import { buildName, sampleBuild } from './builds.ts'

type Say = (message: unknown) => void
type Prepare = (options: never, say: Say) => Promise<() => Promise<void>>

/**
 * How long a reader rests between reads: 50 of them read a thousand times a second then. Without a rest they would take
 * all of a small machine's cores, and what was measured would be the scheduler.
 */
export const READER_PAUSE_MS = 50
/** The build that every writer counts up. */
export const SHARED = 'shared'

export interface WorkReport {
  done: number
  errors: string[]
  slowestMs: number
}

export const ROLES: Record<string, Prepare> = {
  writer: async ({ data, index, seconds }: { data: string; index: number; seconds: number }, say) => {
    const manager = await StateManager.open(data, { backups: false })
    return async () => {
      say(await repeatFor(seconds, () => countUp(manager, index)))
      await manager.close()
    }
  },

  reader: async ({ data, writers, seconds }: { data: string; writers: number; seconds: number }, say) => {
    const manager = await StateManager.open(data, { backups: false })
    // What is measured are waits for others, not the loading of the program.
    await manager.load()
    return async () => {
      const check = async () => {
        const problem = inconsistency(await manager.load(), writers)
        if (problem) throw new Error(problem)
      }
      // Independent readers do not read in step.
      await sleep(Math.random() * READER_PAUSE_MS)
      say(await repeatFor(seconds, check, READER_PAUSE_MS))
      await manager.close()
    }
  },

  /** Saves until it is killed, and says each save after it was acknowledged. */
  victim: async ({ data }: { data: string }, say) => {
    const manager = await StateManager.open(data, { backups: false })
    return async () => {
      for (let turn = await countOf(manager, SHARED); ; turn++) {
        await manager.update((draft) => draft.put(counting(SHARED, turn + 1)))
        say(turn + 1)
      }
    }
  },

  /**
   * Locks the state, says so, stops at SIGUSR2, and after `go` (which comes while it is stopped) tries to save. It
   * stops itself: from outside it could be stopped within a transaction, and would keep the database from everybody.
   */
  sleeper: async ({ data, ttlMs }: { data: string; ttlMs: number }, say) => {
    const manager = await StateManager.open(data, { backups: false })
    const lock = await manager.lock({ operation: 'sleeper', ttlMs, waitMs: Infinity })
    process.once('SIGUSR2', () => {
      say('stops')
      setImmediate(() => process.kill(process.pid, 'SIGSTOP'))
    })
    return async () => {
      const outcome = await manager
        .update((draft) => draft.put(sampleBuild(0, 666)), { lock })
        .then(
          () => 'saved',
          (error: unknown) => (error as { code: string }).code,
        )
      say(outcome)
    }
  },

  contender: async (options: { data: string; name: string; contenders: number; seconds: number }, say) => {
    const locks = await LockManager.open(options.data)
    return async () => {
      const contend = () =>
        repeatFor(options.seconds, async () => {
          const lock = await locks.acquire(options.name, { operation: 'stress', waitMs: Infinity })
          await lock.release()
        })
      say(await Promise.all(Array.from({ length: options.contenders }, contend)))
      await locks.close()
    }
  },

  /** Lists a big state in pages, and says how many builds there were and how much memory that took. */
  lister: async ({ data }: { data: string }, say) => {
    const manager = await StateManager.open(data, { backups: false })
    return async () => {
      let [count, highest] = [0, process.memoryUsage.rss()]
      const startedAt = performance.now()
      for await (const entry of manager.entries()) {
        count += Number(entry.status === 'complete')
        if (count % 10_000 === 0) highest = Math.max(highest, process.memoryUsage.rss())
      }
      say({ count, highestRss: highest, ms: performance.now() - startedAt })
      await manager.close()
    }
  },
}

/** Repeats `work` for a while; a failure is noted and does not end it. */
export async function repeatFor(seconds: number, work: () => Promise<void>, pauseMs = 0): Promise<WorkReport> {
  const report: WorkReport = { done: 0, errors: [], slowestMs: 0 }
  const end = performance.now() + seconds * 1000
  while (performance.now() < end) {
    const startedAt = performance.now()
    try {
      await work()
      report.done += 1
    } catch (error) {
      report.errors.push(String(error))
    }
    report.slowestMs = Math.max(report.slowestMs, performance.now() - startedAt)
    if (pauseMs > 0) await sleep(pauseMs)
  }
  return report
}

/** One save that counts up the writer's own build and the shared one together. */
export async function countUp(manager: StateManager, index: number): Promise<void> {
  await manager.update(async (draft) => {
    for (const name of [SHARED, buildName(index)]) {
      const before = await draft.get(name)
      await draft.put(counting(name, Number(before?.metadata.count ?? 0) + 1))
    }
  })
}

const TEMPLATE = sampleBuild(0)

export function counting(name: string, count: number): Build {
  return { ...TEMPLATE, name, metadata: { count } }
}

export async function countOf(manager: StateManager, name: string): Promise<number> {
  return Number((await manager.get(name))?.metadata.count ?? 0)
}

/** The violation when the writers' counts do not add up to the shared count: a reader saw half a save. */
export function inconsistency(state: { get(name: string): Build | null }, writers: number): string | null {
  let sum = 0
  for (let index = 0; index < writers; index++) sum += Number(state.get(buildName(index))?.metadata.count ?? 0)
  const shared = Number(state.get(SHARED)?.metadata.count ?? 0)
  return sum === shared ? null : `the writers' counts add up to ${sum}, but the shared count is ${shared}`
}
