/** Reading a run while it is being written. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { after, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { RunWatch } from '../../src/builds/follow.ts'
import { groupOf } from '../../src/builds/process-group.ts'
import { openRunFolder } from '../../src/builds/run-folder.ts'
import { MARKER_LINE } from '../../src/builds/template/marker.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const STEPS = 20_000
/** Writes as markers do: first the event, then the line. */
const WRITER = `
const { openSync, writeSync } = require('node:fs')
const [events, log] = process.argv.slice(1).map((path) => openSync(path, 'a'))
for (let step = 0; step < ${STEPS}; step++) {
  writeSync(events, JSON.stringify({ event: 'start', step, at: '2026-01-01T00:00:00Z' }) + '\\n')
  writeSync(log, '1767225600,,ui,message,    null.a: holdfast: step ' + step + ' start\\n')
}`

it('reads no line of a step before the event that began it', async () => {
  const run = openRunFolder(tempFolder('follow'))
  const writer = spawn(process.execPath, ['-e', WRITER, run.events, run.log])
  after(() => void writer.kill('SIGKILL'))
  await once(writer, 'spawn')
  const group = groupOf(readFileSync(`/proc/${writer.pid}/stat`, 'latin1'))
  assert.ok(group)
  const watch = new RunWatch(run, group)
  let begun = -1
  let told = -1
  while (told < STEPS - 1) {
    for (const { events, lines } of watch.read()) {
      begun = events.at(-1)?.step ?? begun
      for (const { data } of lines) told = Number(MARKER_LINE.exec(data[1] ?? '')?.groups?.['step'])
      assert.ok(begun >= told, `the log tells of step ${told}, the events of ${begun}`)
    }
    await setImmediate()
  }
  assert.equal(begun, STEPS - 1)
})
