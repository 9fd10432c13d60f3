/**
 * Runs of Packer 1.6.6, 1.9.4 and 1.16.0, recorded by `holdfast build` and read again: the conclusions must be the
 * same for each version, even if its words differ. In the recordings RUN stands for the run's folder, SHOP for the
 * template's.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { followToEnd } from '../../src/builds/attempt.ts'
import { Recorder } from '../../src/builds/recorder.ts'
import { openRunFolder } from '../../src/builds/run-folder.ts'
import { describeStatus } from '../../src/builds/steps.ts'
import { createBuild, StateManager, type Build } from '../../src/state/index.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { logOf, metadataOf } from './recorded.ts'

interface Recording {
  packer: string
  situation: string
  exit: number
  log: string[]
  events: string[]
  manifest: string
}

const RECORDINGS = join(import.meta.dirname, 'recorded-runs')
const folder = tempFolder('recorded-runs')
/** Of no process: the run is over. */
const GONE = { pid: 2 ** 22 + 1, startedAt: 'gone' }

interface Concluded {
  build: Build
  lines: string[]
}

async function replay({ packer, situation, exit, log, events, manifest }: Recording): Promise<Concluded> {
  const shop = join(folder, `${packer}-${situation}`)
  const run = openRunFolder(join(shop, 'run'))
  mkdirSync(run.path, { recursive: true })
  writeFileSync(join(shop, 'a,b.txt'), 'made')
  const here = (lines: readonly string[]) =>
    lines.map((line) => `${line.replaceAll('RUN', run.path).replaceAll('SHOP', shop)}\n`).join('')
  writeFileSync(run.log, here(log))
  writeFileSync(run.events, here(events))
  writeFileSync(run.exit, `${exit}\n`)
  if (manifest !== '') writeFileSync(run.manifest, manifest)
  await using manager = await StateManager.open(join(shop, 'data'), { backups: false })
  await using lock = await manager.lock({ operation: 'build' })
  const steps = new Set(events.map((line) => (JSON.parse(line) as { step: number }).step)).size
  // One more than the run came to, which is skipped or was left out.
  const provisioners = Array.from({ length: steps + 1 }, (_, index) => {
    return { name: `step ${index}`, status: 'pending' as const, error: null, startedAt: null, endedAt: null }
  })
  const pending = createBuild({
    name: 't/a',
    source: 'null.a',
    metadata: metadataOf(logOf(shop, 'default', 't/a')),
    provisioners,
  })
  const recorder = new Recorder({ manager, lock, onSaved: () => {}, onTrouble: assert.fail }, pending)
  await recorder.commit(pending, { ...pending, status: 'creating' })
  const lines: string[] = []
  const never = new AbortController().signal
  await followToEnd({
    run,
    group: GONE,
    recorder,
    signals: { stop: never, kill: never, lost: never },
    workingFolder: shop,
    onLine: (text) => lines.push(text),
    onRead: async () => {},
    toRecord: async (build) => build,
  })
  return { build: recorder.build, lines }
}

const CONCLUSIONS: Readonly<Record<string, (concluded: Concluded) => void>> = {
  complete({ build }) {
    assert.equal(build.status, 'complete')
    assert.deepEqual(
      // Packer reads standard output and standard error side by side.
      build.provisioners.map(({ status, output = '' }) => [status, ...output.split('\n').toSorted()]),
      [
        ['complete', 'one', 'two, three'],
        ['complete', 'four'],
        ['skipped', ''],
      ],
    )
  },
  'failed-step'({ build }) {
    assert.equal(build.status, 'failed')
    assert.match(build.error ?? '', /exit status: 9/)
    const [first, failed, never] = build.provisioners
    assert.equal(first?.status, 'complete')
    assert.deepEqual([failed?.status, failed?.exitStatus], ['failed', 9])
    assert.match(failed?.output ?? '', /^going wrong/)
    assert.equal(never?.status, 'skipped')
  },
  'continued-failure'({ build }) {
    assert.equal(build.status, 'complete')
    assert.deepEqual(build.provisioners.map(describeStatus).slice(0, 3), ['complete', 'failed (continued)', 'complete'])
    assert.equal(build.provisioners[1]?.exitStatus, 9)
  },
  sensitive({ build, lines }) {
    assert.equal(build.status, 'complete')
    assert.equal(build.provisioners[0]?.output, 'pw=<sensitive> base64=<sensitive>')
    assert.ok(lines.some((line) => line.endsWith('pw=<sensitive> base64=<sensitive>')))
  },
  artifact({ build }) {
    assert.equal(build.status, 'complete')
    assert.deepEqual(
      build.artifacts.map(({ path, sizeBytes }) => [path.split('/').at(-1), sizeBytes]),
      [['a,b.txt', 4]],
    )
  },
}

describe('a recorded run', () => {
  for (const file of readdirSync(RECORDINGS).toSorted()) {
    const recording = JSON.parse(readFileSync(join(RECORDINGS, file), 'utf8')) as Recording
    it(`of Packer ${recording.packer} is concluded to be: ${recording.situation}`, async () => {
      const check = CONCLUSIONS[recording.situation]
      assert.ok(check, `nothing is said of ${recording.situation}`)
      check(await replay(recording))
    })
  }

  it('is there for every situation, of the oldest and the newest Packer', () => {
    const names = readdirSync(RECORDINGS)
    for (const situation of Object.keys(CONCLUSIONS)) {
      assert.ok(names.includes(`1.16.0-${situation}.json`), situation)
      // continue_on_error is newer.
      if (situation !== 'continued-failure') assert.ok(names.includes(`1.6.6-${situation}.json`), situation)
    }
  })
})
