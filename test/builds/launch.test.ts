/** The first moments of a run: who may begin it, and signals that come while it does. */
import assert from 'node:assert/strict'
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { launch } from '../../src/builds/launch.ts'
import { endGroup, isAlive, signalGroup } from '../../src/builds/process-group.ts'
import { createRunFolder, processOf } from '../../src/builds/run-folder.ts'
import { tempFolder } from '../helpers/temp-folder.ts'
import { until } from './support/workshop.ts'

function newRun() {
  const folder = tempFolder('launch')
  // The run's folder for temporary files goes with this one.
  const env = { ...process.env, TMPDIR: folder }
  return { folder, run: createRunFolder(folder, 'run', 'a', 1), options: { cwd: folder, env } }
}

describe('a run that is being launched', () => {
  for (const secrets of [[], ['hidden']]) {
    it(`hears a signal as soon as it is known${secrets.length > 0 ? ', with secrets to hide too' : ''}`, async () => {
      const { run, options } = newRun()
      // A long search for the program, so that the signal comes before it runs.
      const env = { ...options.env, PATH: `${'/a:'.repeat(40_000)}${process.env.PATH}` }
      const group = await launch(run, ['sleep', '30'], { ...options, env, secrets })
      signalGroup(group, 'SIGINT')
      try {
        await until(() => !isAlive(group))
      } finally {
        await endGroup(group, 0)
      }
    })
  }

  it('answers all callers alike, and can no longer be forbidden', async () => {
    const { folder, run, options } = newRun()
    const group = await launch(run, ['touch', join(folder, 'ran')], { ...options, secrets: [] })
    assert.deepEqual(processOf(run), group)
    await until(() => !isAlive(group))
    assert.deepEqual(processOf(run), group)
    assert.ok(existsSync(join(folder, 'ran')))
  })

  it('does not begin once a caller was told that it never will', async () => {
    const { folder, run, options } = newRun()
    assert.equal(processOf(run), null)
    const starting = launch(run, ['touch', join(folder, 'ran')], { ...options, secrets: [] })
    await assert.rejects(starting, { code: 'PACKER_FAILED' })
    assert.equal(existsSync(join(folder, 'ran')), false)
    assert.equal(processOf(run), null)
  })

  it('does not begin either when its starter was about to identify itself', () => {
    const { run } = newRun()
    // The starter has made the file, and has written nothing yet.
    writeFileSync(run.process, '')
    assert.equal(processOf(run), null)
    appendFileSync(run.process, readFileSync('/proc/self/stat', 'latin1'))
    assert.equal(processOf(run), null)
  })
})
