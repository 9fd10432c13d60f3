import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { compareSides, type CellResult } from '../../src/lab/index.ts'
import { makeCellResult } from '../../src/lab/results/cell.ts'

const SECOND_NS = 1e9
const HOST = { load_1m: 0, cpu_pressure_percent: 0, io_pressure_percent: 0 }
const SERVER = { rss_peak_bytes: 1e8, rss_mean_bytes: 1e8, cpu_seconds: 1, exit_status: null, rss: [] }

function iteration(index: number, seconds: number): CellResult['iterations'][number] {
  return {
    iteration: index,
    started_at: new Date(index * 1000).toISOString(),
    exit_reason: 'success',
    message: null,
    duration_seconds: seconds,
    duration_ns: seconds * SECOND_NS,
    sent_seconds: seconds,
    throughput_mbps: 100 / seconds,
    http_status: 200,
    warm_up_seconds: null,
    hash_ok: true,
    hashed_by: 'server',
    boot_time_seconds: 0,
    ready_time_seconds: 0,
    machine: null,
    server: SERVER,
    host_before: HOST,
    host_after: HOST,
    quiet: true,
    phases: [],
    failed_attempts: [],
    leftovers: [],
    log_tail: '',
  }
}

interface Terms {
  isLimited: boolean
  count: number
  run?: string
  version?: string
  digest?: string | null
}

/**
 * Cells of two RAM sizes with `count` uploads each; each upload takes `seconds` and a little more than the one
 * before.
 */
function cells(
  name: string,
  seconds: number,
  { isLimited, count, run = 'one', version = '1', digest = null }: Terms,
): CellResult[] {
  return [256, 512].map((ram) => {
    const facts = {
      run,
      platform: 'process',
      ram_mb: ram,
      ram_limited: isLimited,
      file_size: '100M',
      file_size_bytes: 100e6,
      target: { name, kind: name, version, digest },
      upload: 'put' as const,
      parallel: 1,
      planned_iterations: count,
      environment: {
        lab_version: '1',
        node_version: '26',
        kernel: '6',
        cpu: 'x',
        cpus: 2,
        host_memory_bytes: 1e9,
        disk: 'ext4',
      },
    }
    const iterations = Array.from({ length: count }, (_, index) =>
      iteration(index + 1, seconds * (1 + ram / 1e5 + index / 100)),
    )
    return makeCellResult(facts, iterations)
  })
}

function compare(terms: Terms) {
  const side = (name: string, seconds: number) => ({ name, cells: cells(name, seconds, terms), companions: [] })
  return compareSides(side('a', 1), side('b', 2))
}

describe('a comparison', () => {
  it('merges cells whose RAM was only a label', () => {
    const [cell, ...others] = compare({ isLimited: false, count: 4 })
    assert.deepEqual(others, [])
    assert.equal(cell?.ramMb, null)
    assert.equal(cell?.estimate?.samples, 8)
    assert.equal(cell?.verdict, 'slower')
    assert.ok(Math.abs((cell?.estimate?.ratio ?? 0) - 0.5) < 1e-9)
  })

  it('keeps cells apart whose RAM was enforced, and gives no verdict on a few pairs', () => {
    const compared = compare({ isLimited: true, count: 4 })
    assert.deepEqual(
      compared.map(({ ramMb, estimate, verdict, detectable }) => [ramMb, estimate?.samples, verdict, detectable]),
      [256, 512].map((ram) => [ram, 4, 'no difference shown', Infinity]),
    )
  })

  it('leaves out a pair that an interruption has torn apart, and says so', () => {
    const [a, b] = ['a', 'b'].map((name) => cells(name, 1, { isLimited: true, count: 8 }))
    const torn = b?.[0]?.iterations[7]
    if (torn) torn.started_at = new Date(10 * 3_600_000).toISOString()
    const compared = compareSides(
      { name: 'a', cells: a ?? [], companions: [] },
      { name: 'b', cells: b ?? [], companions: [] },
    )
    assert.deepEqual(
      compared.map(({ estimate }) => estimate?.samples),
      [7, 8],
    )
    assert.match(compared[0]?.warnings.join() ?? '', /1 of the pairs left out/)
  })

  it('uses a third target as the yardstick of two runs only if it is known to be the same', () => {
    const terms = { isLimited: false, count: 12 }
    const side = (run: string, seconds: number, digest: string | null) => ({
      name: 'a',
      cells: cells('a', seconds, { ...terms, run }),
      companions: cells('yardstick', 1, { ...terms, run, version: '', digest }),
    })
    const compared = (digestA: string | null, digestB: string | null) =>
      compareSides(side('one', 1, digestA), side('two', 2, digestB))[0]
    assert.equal(compared('d1', 'd1')?.verdict, 'slower')
    assert.equal(compared('d1', 'd2')?.verdict, 'no difference shown')
    assert.equal(compared(null, null)?.verdict, 'no difference shown', 'two unknown programs')
    assert.match(compared(null, null)?.warnings.join() ?? '', /not interleaved/)
  })
})
