import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LabSession, makePlan, runPlan } from '../../src/lab/index.ts'
import { ProcessMachine } from '../../src/lab/machines/process.ts'
import { FAKE_SERVER } from './support/lab-run.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-lab-plan-'))
// The lock and the hashes are not the user's.
process.env.XDG_CACHE_HOME = join(folder, 'cache')
after(() => rmSync(folder, { recursive: true, force: true }))

describe('a run of cells side by side', () => {
  it('ends as a whole when its results cannot be kept', async () => {
    const spec = `command:${process.execPath} ${FAKE_SERVER} {port}`
    const plan = makePlan({
      run: 'broken',
      seed: 1,
      machine: 'process',
      targets: [{ name: 'command', spec }],
      ram_mb: [64, 128],
      file_sizes: [{ label: '1M', bytes: 1e6 }],
      iterations: 20,
      upload: 'put',
      warm_up_bytes: 0,
      ready_timeout_ms: 20_000,
      upload_timeout_ms: 20_000,
      quiet_wait_ms: 0,
      retries: 0,
      backoff_ms: 0,
      parallel: 2,
    })
    await using session = await LabSession.open()
    const silent = { phaseBegins: nothing, phase: nothing, iteration: nothing, note: nothing, end: nothing }
    let recorded = 0
    const full = new Error('the disk is full')
    const record = () => {
      recorded += 1
      throw full
    }
    const terms = { plan, driver: new ProcessMachine(), session, presenter: silent }
    const scratchFolder = join(folder, 'scratch')
    await assert.rejects(runPlan({ ...terms, scratchFolder, journal: [], earlier: [], record }), full)
    assert.ok(recorded <= 2, 'at most the two that were under way')
    await sleep(1000)
    assert.ok(recorded <= 2)
    assert.ok(!readdirSync(folder).includes('scratch'))
  })
})

function nothing(): void {
  // No test watches the progress.
}
