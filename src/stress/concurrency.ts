/** Many savers and many readers at once. */
import { createBuild, StateManager } from '../state/index.ts'
import { countOf, countUp, inconsistency, READER_PAUSE_MS, repeatFor, SHARED, type WorkReport } from './worker-roles.ts'
import { startWorker, runTogether } from './workers.ts'
import { Expectations, fairness, milliseconds, perSecond, type Outcome, type Scenario } from './scenario.ts'

const READERS = 50
const WRITERS = 20
const COMPACT_PAUSE_MS = 20

const SEED = '20+ errors in 5 s ("rename: no such file", "EOF"), saves lost'

export const concurrency: Scenario[] = [
  {
    name: 'ConcurrentReadsWrites (one process)',
    suite: 'state',
    seed: SEED,
    async run({ folder, seconds }) {
      await using manager = await StateManager.open(folder, { backups: false })
      const check = async () => {
        const problem = inconsistency(await manager.load(), WRITERS)
        if (problem) throw new Error(problem)
      }
      const writers = Array.from({ length: WRITERS }, (_, index) => repeatFor(seconds, () => countUp(manager, index)))
      const readers = Array.from({ length: READERS }, () => repeatFor(seconds, check, READER_PAUSE_MS))
      return await judge(manager, seconds, await Promise.all(writers), await Promise.all(readers))
    },
  },
  {
    name: 'ConcurrentReadsWrites (70 processes)',
    suite: 'state',
    seed: SEED,
    async run({ folder, seconds }) {
      await using manager = await StateManager.open(folder, { backups: false })
      const reports = await runTogether<WorkReport>([
        ...Array.from({ length: WRITERS }, (_, index) => startWorker('writer', { data: folder, index, seconds })),
        ...Array.from({ length: READERS }, () => startWorker('reader', { data: folder, writers: WRITERS, seconds })),
      ])
      return await judge(manager, seconds, reports.slice(0, WRITERS), reports.slice(WRITERS))
    },
  },
  {
    name: 'MixedSizes (compaction at work)',
    suite: 'state',
    seed: '',
    async run({ folder, seconds }) {
      const expect = new Expectations()
      await using manager = await StateManager.open(folder, { backups: false, keepSerials: 20 })
      const latest = new Map<string, unknown>()
      const reports = await Promise.all([
        ...['a', 'b'].map((saver) => saveMixed(manager, latest, saver, seconds, [6000])),
        saveMixed(manager, latest, 'big', seconds, [70_000, 60_000, 3000]),
        repeatFor(seconds, () => manager.compact(), COMPACT_PAUSE_MS),
      ])
      const errors = reports.flatMap((report) => report.errors)
      expect.that(errors.length === 0, `${errors.length} errors, the first: ${errors[0]}`)
      const damages = await manager.verify()
      expect.that(damages.length === 0, `verify finds ${damages.length} damages, the first: ${damages[0]?.problem}`)
      const builds = damages.length === 0 ? [...(await manager.load()).builds()] : []
      const right = builds.filter(({ name, metadata }) => latest.get(name) === metadata.text).length
      expect.that(right === latest.size, `${right} of ${latest.size} builds are as they were saved`)
      const saved = sum(reports.slice(0, -1).map(({ done }) => done))
      return {
        failures: expect.failures,
        figures: {
          'durable saves': perSecond(saved, seconds * 1000),
          compactions: String(reports.at(-1)?.done),
          builds: String(builds.length),
        },
      }
    },
  },
]

/** Saves builds of these sizes together, again and again under a thousand names. */
function saveMixed(
  manager: StateManager,
  latest: Map<string, unknown>,
  saver: string,
  seconds: number,
  sizes: readonly number[],
): Promise<WorkReport> {
  let turn = 0
  return repeatFor(seconds, async () => {
    turn += 1
    const builds = sizes.map((size, index) => {
      const text = ''.padEnd(size, `${turn} `)
      return createBuild({ name: `${saver}-${turn % 1000}-${index}`, source: 'stress', metadata: { text } })
    })
    await manager.update(async (draft) => {
      for (const build of builds) await draft.put(build)
    })
    for (const { name, metadata } of builds) latest.set(name, metadata.text)
  })
}

async function judge(
  manager: StateManager,
  seconds: number,
  writers: readonly WorkReport[],
  readers: readonly WorkReport[],
): Promise<Outcome> {
  const expect = new Expectations()
  const errors = [...writers, ...readers].flatMap((report) => report.errors)
  const saved = sum(writers.map(({ done }) => done))
  const kept = await countOf(manager, SHARED)
  const damages = await manager.verify()
  expect.that(errors.length === 0, `${errors.length} errors, the first: ${errors[0]}`)
  expect.that(kept === saved, `${saved} saves were acknowledged, the state counts ${kept}`)
  expect.that(damages.length === 0, `verify finds ${damages.length} damages`)
  return {
    failures: expect.failures,
    figures: {
      errors: String(errors.length),
      'lost updates': String(saved - kept),
      'durable saves': perSecond(saved, seconds * 1000),
      reads: perSecond(sum(readers.map(({ done }) => done)), seconds * 1000),
      fairness: fairness(writers.map(({ done }) => done)).toFixed(2),
      'slowest save': milliseconds(Math.max(...writers.map(({ slowestMs }) => slowestMs))),
      'slowest read': milliseconds(Math.max(...readers.map(({ slowestMs }) => slowestMs))),
    },
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
