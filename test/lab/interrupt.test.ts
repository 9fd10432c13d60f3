/** However a run ends, it leaves nothing running: Ctrl-C in every phase, kill -9, two runs at once. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fakeFlags, Workplace } from './support/lab-run.ts'
import { until } from './support/machine-conformance.ts'

const PHASES_BEFORE = [
  'prepare file',
  'wait for quiet',
  'start machine',
  'start server',
  'wait until ready',
  'log in',
  'upload',
  'verify',
  'collect',
]

describe('Ctrl-C', { concurrency: 2 }, () => {
  for (const phase of PHASES_BEFORE) {
    it(`after '${phase}' leaves nothing and says so by the exit code`, async () => {
      using workplace = new Workplace()
      const flags = fakeFlags(workplace, phase === 'log in' ? 'stalls' : 'none')
      const run = workplace.start(['run-test', '--ram', '64', '--file-size', '3M', '--iterations', '50', ...flags])
      await run.untilSaid(`#1  ${phase}`)
      run.child.kill('SIGINT')
      assert.equal(await run.end(), 130, run.stderr)
      assert.deepEqual(workplace.leftovers(), [])
    })
  }

  it('keeps finished iterations of run-test as an interrupted result', async () => {
    using workplace = new Workplace()
    const flags = ['--ram', '64', '--file-size', '1M', '--iterations', '50', ...fakeFlags(workplace)]
    const run = workplace.start(['run-test', ...flags])
    await run.untilSaid('(1 of 50')
    run.child.kill('SIGINT')
    assert.equal(await run.end(), 130, run.stderr)
    const result = await run.result()
    assert.deepEqual([result.exit_reason, result.success, result.planned_iterations], ['interrupted', false, 50])
    assert.ok(result.num_iterations >= 1 && result.stats.success_count === result.num_iterations)
  })

  it('is not reported as a fault while a target is being prepared', async () => {
    using workplace = new Workplace()
    const silent = createServer().listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as AddressInfo
    for (const command of ['run-test', 'run-test-matrix']) {
      const flags = ['--ram', '64', '--file-size', '1M', '--out', workplace.out]
      const run = workplace.start([command, ...flags, '--machine', 'process', '--target', `http://127.0.0.1:${port}`])
      await once(silent, 'connection')
      run.child.kill('SIGINT')
      assert.equal(await run.end(), 130, run.stderr)
      assert.doesNotMatch(run.stderr, /Error/)
    }
    silent.close()
    assert.deepEqual(workplace.leftovers(), [])
  })

  it('counts no cell of a matrix as successful before its first result', async () => {
    using workplace = new Workplace()
    const matrix = '--ram 64,128 --file-size 1M,2M --timeout 1h'.split(' ')
    const run = workplace.start(['run-test-matrix', ...matrix, ...fakeFlags(workplace, 'stalls')])
    await run.untilSaid('log in')
    run.child.kill('SIGINT')
    assert.equal(await run.end(), 130)
    assert.match(run.stdout, /0 of 4 cells held, 4 not tried yet/)
    assert.match(run.stdout, /--resume/)
    assert.deepEqual(workplace.leftovers(), [])
  })

  it('ends the upload at once while a server stalls', async () => {
    using workplace = new Workplace()
    const run = workplace.start([
      'run-test',
      ...'--ram 64 --file-size 3M --timeout 1h'.split(' '),
      ...fakeFlags(workplace, 'stalls'),
    ])
    await run.untilSaid('log in')
    run.child.kill('SIGINT')
    assert.equal(await run.end(), 130)
    assert.equal(run.stdout, '', 'no result of an iteration that never was')
    assert.deepEqual(workplace.leftovers(), [])
  })
})

describe('kill -9', () => {
  it('leaves no server and no folder: the reaper ends them', async () => {
    using workplace = new Workplace()
    const run = workplace.start([
      'run-test',
      ...'--ram 64 --file-size 3M --timeout 1h'.split(' '),
      ...fakeFlags(workplace, 'stalls'),
    ])
    await run.untilSaid('log in')
    assert.notDeepEqual(workplace.leftovers(), [], 'there is something to leave')
    run.child.kill('SIGKILL')
    await run.end()
    const deadline = Date.now() + 30_000
    while (workplace.leftovers().length > 0 && Date.now() < deadline) await sleep(50)
    assert.deepEqual(workplace.leftovers(), [])
  })

  it('loses at most the running iteration of a matrix, and --resume does the rest', async () => {
    using workplace = new Workplace()
    const matrix = ['--ram', '64,128', '--file-size', '2M,3M', '--iterations', '2', '--seed', '7']
    const first = workplace.start(['run-test-matrix', ...matrix, ...fakeFlags(workplace, 'the-fourth-stalls')])
    await first.untilSaid('(3 of 8')
    const starts = join(workplace.path, 'starts')
    // However late this is seen, the run is still at its fourth step.
    await until(() => statSync(starts).size === 4)
    first.child.kill('SIGKILL')
    await first.end()
    const second = workplace.start(['run-test-matrix', '--resume', '--out', workplace.out])
    assert.equal(await second.end(), 0, second.stderr)
    assert.match(second.stderr, /\b3 steps are done/)
    assert.match(second.stdout, /4 of 4 cells held/)
    const [run = ''] = readdirSync(workplace.out)
    assert.equal(readdirSync(`${workplace.out}/${run}/cells`).length, 4)
    assert.deepEqual(workplace.leftovers(), [])
  })
})

describe('two runs at once', () => {
  it('are refused: the second learns that the machine is taken', async () => {
    using workplace = new Workplace()
    const flags = ['run-test', '--ram', '64', '--file-size', '3M', '--iterations', '50', ...fakeFlags(workplace)]
    const first = workplace.start(flags)
    await first.untilSaid('start machine')
    const second = workplace.start(flags)
    assert.equal(await second.end(), 75)
    assert.match(second.stderr, /another lab run uses this machine/)
    first.child.kill('SIGINT')
    await first.end()
  })
})
