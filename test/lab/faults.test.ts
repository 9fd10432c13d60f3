/**
 * What the lab makes of servers that misbehave: the right reason, no retry of what is the server's own doing, nothing
 * left.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { release, totalmem } from 'node:os'
import { describe, it } from 'node:test'
import { freePort } from '../../src/lab/machines/free-port.ts'
import type { CellResult } from '../../src/lab/index.ts'
import { firstStatus } from './support/machine-conformance.ts'
import { FAKE_SERVER, fakeFlags, Workplace } from './support/lab-run.ts'

interface Expectation {
  reason: CellResult['exit_reason']
  message: RegExp
  retries: number
  flags?: string[]
}

const FAULTS: Record<string, Expectation> = {
  exits: { reason: 'not_ready', message: /ended with status 3/, retries: 1 },
  'never-listens': {
    reason: 'not_ready',
    message: /not ready within 0.5 s/,
    retries: 1,
    flags: ['--ready-timeout', '500ms'],
  },
  'never-ready': { reason: 'not_ready', message: /HTTP 503/, retries: 1, flags: ['--ready-timeout', '10s'] },
  dies: { reason: 'upload_failed', message: /ended with status 1/, retries: 0 },
  'aborts-for-memory': { reason: 'out_of_memory', message: /ran out of memory/, retries: 0 },
  'refuses-early': { reason: 'upload_failed', message: /HTTP 413: too much/, retries: 0 },
  'answers-500': { reason: 'upload_failed', message: /HTTP 500: the disk is on fire/, retries: 0 },
  resets: { reason: 'upload_failed', message: /connection broke while the server lived on/, retries: 1 },
  stalls: { reason: 'timeout', message: /longer than 1 s/, retries: 0, flags: ['--timeout', '1s'] },
  lies: { reason: 'upload_failed', message: /SHA-256/, retries: 0 },
}

describe('run-test with a server that', { concurrency: 2 }, () => {
  for (const [fault, { reason, message, retries, flags = [] }] of Object.entries(FAULTS)) {
    it(`${fault}: ${reason}`, async () => {
      using workplace = new Workplace()
      const args = ['--ram', '64', '--file-size', '3M', '--iterations', '1', '--retries', '1', ...flags]
      const run = workplace.start(['run-test', ...args, ...fakeFlags(workplace, fault)])
      const result = await run.result()
      assert.equal(await run.end(), 1, run.stderr)
      assert.equal(result.exit_reason, reason, run.stderr)
      assert.equal(result.success, false)
      const [iteration] = result.iterations
      assert.match(iteration?.message ?? '', message)
      assert.equal(iteration?.failed_attempts.length, retries)
      assert.deepEqual(iteration?.leftovers, [])
      assert.deepEqual(workplace.leftovers(), [])
    })
  }

  it('ignores SIGTERM: succeeds, and kills the server', async () => {
    using workplace = new Workplace()
    const flags = fakeFlags(workplace, 'hears-nothing')
    const run = workplace.start(['run-test', '--ram', '64', '--file-size', '1M', '--iterations', '1', ...flags])
    const result = await run.result()
    assert.equal(result.success, true, run.stderr)
    assert.deepEqual(workplace.leftovers(), [])
  })
})

describe('run-test with a good server', () => {
  it('leaves a whole result: phases, hash, memory, host, environment', async () => {
    using workplace = new Workplace()
    const run = workplace.start([
      'run-test',
      '--ram',
      '64',
      '--file-size',
      '3M',
      '--iterations',
      '2',
      ...fakeFlags(workplace),
    ])
    const result = await run.result()
    assert.equal(await run.end(), 0, run.stderr)
    assert.equal(result.num_iterations, 2)
    assert.equal(result.file_size_bytes, 3_000_000)
    assert.equal(result.exit_reason, 'success')
    assert.equal(result.stats.success_count, 2)
    const [iteration] = result.iterations
    assert.equal(iteration?.hash_ok, true)
    assert.equal(iteration?.hashed_by, 'server')
    assert.equal(iteration?.http_status, 201)
    assert.deepEqual(iteration?.machine, { kernel: release(), memory_bytes: totalmem() })
    assert.ok((iteration?.server.rss_peak_bytes ?? 0) > 10e6)
    const phases = iteration?.phases.map(({ name }) => name)
    assert.deepEqual(phases, [
      'prepare file',
      'wait for quiet',
      'start machine',
      'start server',
      'wait until ready',
      'log in',
      'upload',
      'verify',
      'collect',
      'clean up',
    ])
    assert.equal(iteration?.throughput_mbps?.toFixed(6), (3 / (iteration?.duration_seconds ?? 0)).toFixed(6))
  })

  it('refuses what makes no sense, by the name of the flag', async () => {
    using workplace = new Workplace()
    const cases: Record<string, RegExp> = {
      '--ram 0 --file-size 1M': /--ram: "0" is not a whole number/,
      '--ram 64 --file-size 1M --iterations 99999999999': /--iterations: "99999999999" is not a whole number from 1 to/,
      '--ram 64 --file-size 1M --timeout 0': /--timeout: "0" is not between 1 ms and 24 days/,
      '--ram 64 --file-size 1M --ready-timeout 60d': /--ready-timeout: "60d" is not between/,
      '--ram 64 --file-size 100M,0.1G': /a list without repetitions/,
      '--ram 64 --file-size 1M --target http://[x': /--target: "http:\/\/\[x" is not holdfast/,
      '--ram 64 --file-size huge': /--file-size: "huge" is not a size/,
      '--ram 64 --file-size 0': /sizes above 0/,
      '--ram 64 --file-size 1M --machine moon': /--machine: "moon" is not process, cgroup2, qemu or ssh:HOST/,
      '--ram 64 --file-size 1M --target ftp://x': /--target: "ftp:\/\/x" is not holdfast/,
      '--ram 64 --file-size 1M --upload pigeon': /--upload: "pigeon"/,
      '--ram 64,128 --file-size 1M': /one --ram/,
    }
    for (const [args, message] of Object.entries(cases)) {
      const run = workplace.start(['run-test', '--out', workplace.out, ...args.split(' ')])
      assert.equal(await run.end(), 65, args)
      assert.match(run.stderr, message)
    }
  })
})

describe('run-test with a folder', () => {
  it('reports an impossible folder or a full disk before it measures anything', async () => {
    using workplace = new Workplace()
    const flags = ['run-test', '--ram', '64', ...fakeFlags(workplace)]
    const noFolder = workplace.start([...flags, '--file-size', '1M', '--out', '/dev/null'])
    assert.equal(await noFolder.end(), 74)
    assert.match(noFolder.stderr, /the lab cannot use \/dev\/null/)
    const noRoom = workplace.start([...flags, '--file-size', '5000T'])
    assert.equal(await noRoom.end(), 74)
    assert.match(noRoom.stderr, /no room for a file of 5000T/)
    assert.deepEqual(workplace.leftovers(), [])
  })
})

describe('run-test against a URL', () => {
  it('stops at once where no server answers', async () => {
    using workplace = new Workplace()
    const flags = ['--out', workplace.out, '--target', 'http://127.0.0.1:1']
    const run = workplace.start(['run-test', '--ram', '64', '--file-size', '1M', ...flags])
    assert.equal(await run.end(), 69)
    assert.match(run.stderr, /http:\/\/127.0.0.1:1 cannot be reached: connect ECONNREFUSED/)
  })

  for (const fault of ['none', 'lies', 'answers-500']) {
    it(`removes what it has sent, after the fault '${fault}' too`, async () => {
      using workplace = new Workplace()
      const port = await freePort()
      const server = spawn(process.execPath, [FAKE_SERVER, String(port), fault], { stdio: 'ignore' })
      try {
        const url = `http://127.0.0.1:${port}`
        assert.equal(await firstStatus(url), 200)
        const flags = ['--out', workplace.out, '--target', url, '--upload', 'put', '--warm-up', '1k']
        const size = ['--ram', '64', '--file-size', '2M', '--iterations', '2', '--quiet-wait', '0']
        const run = workplace.start(['run-test', ...size, ...flags])
        const result = await run.result()
        assert.equal(result.success, fault === 'none', run.stderr)
        assert.deepEqual(
          result.iterations.flatMap(({ leftovers }) => leftovers),
          [],
        )
        const left = await fetch(`${url}/api/files?search=`)
        assert.deepEqual(await left.json(), { files: [] })
      } finally {
        server.kill()
      }
    })
  }
})
