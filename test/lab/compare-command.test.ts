/** `holdfast compare` on whatever a user may point it at. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Workplace } from './support/lab-run.ts'

/** As perf-test/run-test of PicoShare's harness writes it. */
function harnessResult(timestamp: string, seconds: number, lastStatus = '200') {
  const iterations = Array.from({ length: 10 }, (_, index) => ({
    iteration: index + 1,
    duration_seconds: seconds + (index % 3) / 100,
    throughput_mbps: 100 / seconds,
    http_status: index === 9 ? lastStatus : '200',
  }))
  return {
    timestamp,
    platform: 'firecracker',
    ram_mb: 2048,
    file_size: '100M',
    file_size_mb: 100,
    boot_time_seconds: 0.1,
    num_iterations: 10,
    iterations,
    stats: { median_throughput_mbps: 125, success_count: 10, failure_count: 0 },
    exit_reason: 'success',
    success: true,
  }
}

describe('compare', () => {
  it("reads the results of PicoShare's own harness, and calls nothing that the time of day may have done", async () => {
    using workplace = new Workplace()
    const path = (name: string) => join(workplace.path, name)
    writeFileSync(path('a.json'), JSON.stringify(harnessResult('2026-01-29T12:00:00+00:00', 0.8)))
    writeFileSync(path('b.json'), JSON.stringify(harnessResult('2026-01-30T12:00:00+00:00', 1.6, 'timeout')))
    const run = workplace.start(['compare', path('a.json'), path('b.json')])
    assert.equal(await run.end(), 0, run.stderr)
    assert.match(run.stdout, /2048 MB 100M +0\.50 .* n=9 .*no difference shown/)
    assert.match(run.stdout, /not interleaved/)
    assert.match(run.stdout, /b\.json failed in 1 iterations \(timeout\)/)
  })

  it('says what is wrong with what it cannot read or set against each other', async () => {
    using workplace = new Workplace()
    const path = (name: string) => join(workplace.path, name)
    const good = harnessResult('2026-01-29T12:00:00+00:00', 0.8)
    const files = {
      'empty.json': '',
      'cut.json': '{"schema":',
      'foreign.json': '{"a":1}',
      'good.json': JSON.stringify(good),
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(path(name), text)
    mkdirSync(path('several'))
    writeFileSync(path('several/1.json'), JSON.stringify(good))
    writeFileSync(path('several/2.json'), JSON.stringify({ ...good, timestamp: 'later' }))
    const cases: [string[], RegExp][] = [
      [['none.json'], /none\.json does not exist/],
      [['empty.json'], /it is empty, cut short or not JSON/],
      [['cut.json'], /it is empty, cut short or not JSON/],
      [['foreign.json'], /foreign\.json is not a lab result: schema/],
      [['good.json'], /there is no second side/],
      [['good.json#picoshare'], /there is no second side/],
      [['good.json#nobody', 'good.json'], /say which target, one of .*good\.json#picoshare/],
      [['good.json', 'good.json'], /are the same target of the same run/],
      [['several', 'good.json'], /several holds several results of picoshare 2048 MB 100M/],
    ]
    for (const [names, message] of cases) {
      const run = workplace.start(['compare', ...names.map(path)])
      assert.equal(await run.end(), 65, names.join(' '))
      assert.match(run.stderr, message)
      assert.doesNotMatch(run.stderr, /\n +at /, 'no stack')
    }
  })
})
