/** Big states, and many small saves. */
import { StateManager, type Build } from '../state/index.ts'
import { formatBytes } from '../base/index.ts'
import { buildName, sampleBuild } from './builds.ts'
import { Expectations, milliseconds, type Scenario } from './scenario.ts'
import { runTogether, startWorker } from './workers.ts'

const MANY = 10_000
const MILLION = 1_000_000
const CYCLES = 1000

export const sizes: Scenario[] = [
  {
    name: 'LargeState (10,000 builds)',
    suite: 'state',
    seed: 'create 39.96 ms, save 283.62 ms, load 201.35 ms, 14.71 MB',
    async run({ folder }) {
      const expect = new Expectations()
      const builds = Array.from({ length: MANY }, (_, index) => sampleBuild(index))
      const manager = await StateManager.open(folder, { backups: false })
      const [state, changeMs] = await timed(async () => (await manager.load()).with(builds))
      const [, saveMs] = await timed(() => manager.save(state))
      await manager.compact()
      const sizeBytes = await manager.sizeBytes()
      await manager.close()
      const [again, openMs] = await timed(() => StateManager.open(folder, { backups: false }))
      const [first, firstMs] = await timed(() => again.get(buildName(7777)))
      const [loaded, loadMs] = await timed(() => again.load())
      await again.close()
      expect.that(first?.name === buildName(7777), 'the first build that was read is another')
      expect.that(loaded.size === MANY, `${loaded.size} builds came back`)
      expect.that(
        builds.every((build) => JSON.stringify(loaded.get(build.name)) === JSON.stringify(build)),
        'builds came back changed',
      )
      return {
        failures: expect.failures,
        figures: {
          'put in': milliseconds(changeMs),
          save: milliseconds(saveMs),
          'open and read one': milliseconds(openMs + firstMs),
          'load all': milliseconds(loadMs),
          'on disk': formatBytes(sizeBytes),
        },
      }
    },
  },
  {
    name: 'LargeState (1,000,000 builds)',
    suite: 'state',
    seed: '',
    async run({ folder, scale }) {
      const expect = new Expectations()
      const total = Math.round(MILLION * scale)
      const manager = await StateManager.open(folder, { backups: false, keepSerials: 1 })
      const [, fillMs] = await timed(async () => {
        for (let first = 0; first < total; first += MANY) {
          const count = Math.min(MANY, total - first)
          const builds = Array.from({ length: count }, (_, offset) => sampleBuild(first + offset))
          await manager.replace(builds, { keepOthers: true })
        }
      })
      const sizeBytes = await manager.sizeBytes()
      await manager.close()
      const few = await list(folder, 'few')
      const [report] = await runTogether<{ count: number; highestRss: number; ms: number }>([
        startWorker('lister', { data: folder }),
      ])
      expect.that(report?.count === total, `${report?.count} builds were listed`)
      const growth = (report?.highestRss ?? 0) - few
      expect.that(growth < 150e6, `listing took ${formatBytes(growth)} more than listing nothing`)
      return {
        failures: expect.failures,
        figures: {
          builds: String(total),
          'save all': milliseconds(fillMs),
          'list all': milliseconds(report?.ms ?? 0),
          'memory of the process': formatBytes(report?.highestRss ?? 0),
          'on disk': formatBytes(sizeBytes),
        },
      }
    },
  },
  {
    name: 'RapidSaveLoad (1,000 cycles)',
    suite: 'state',
    seed: '761.6 us a cycle',
    async run({ folder }) {
      const expect = new Expectations()
      await using writer = await StateManager.open(folder, { backups: false })
      await using reader = await StateManager.open(folder, { backups: false })
      const versions = Array.from({ length: CYCLES }, (_, index) => sampleBuild(0, index + 1))
      let wrong = 0
      const [, ms] = await timed(async () => {
        for (const version of versions) {
          await writer.update((draft) => draft.put(version))
          const build: Build | null = (await reader.load()).get(buildName(0))
          wrong += Number(build?.metadata.version !== version.metadata.version)
        }
      })
      expect.that(wrong === 0, `${wrong} loads showed an older save`)
      return { failures: expect.failures, figures: { 'save + load, durable': milliseconds(ms / CYCLES) } }
    },
  },
]

/** Memory of a process that lists an empty state: what the program itself takes. */
async function list(folder: string, name: string): Promise<number> {
  const [report] = await runTogether<{ highestRss: number }>([startWorker('lister', { data: `${folder}/${name}` })])
  return report?.highestRss ?? 0
}

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const startedAt = performance.now()
  const result = await work()
  return [result, performance.now() - startedAt]
}
