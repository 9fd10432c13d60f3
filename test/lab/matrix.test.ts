import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { RunFolder, makePlan, readResults, usingFolder } from '../../src/lab/index.ts'
import { stepGroups, stepKey } from '../../src/lab/plan.ts'
import { FAKE_SERVER, fakeFlags, Workplace } from './support/lab-run.ts'

const wanted = {
  run: 'test',
  seed: 1,
  machine: 'process',
  targets: ['a', 'b'].map((name) => ({ name, spec: name })),
  ram_mb: [64, 128],
  file_sizes: [
    { label: '1M', bytes: 1e6 },
    { label: '2M', bytes: 2e6 },
  ],
  iterations: 3,
  upload: 'put' as const,
  warm_up_bytes: 0,
  ready_timeout_ms: 1000,
  upload_timeout_ms: 1000,
  quiet_wait_ms: 0,
  retries: 0,
  backoff_ms: 0,
  parallel: 1,
}

describe('a plan', () => {
  it('takes every cell once a round, targets next to each other, in an order that its seed repeats', () => {
    const groups = stepGroups(makePlan(wanted))
    assert.equal(groups.length, 3 * 4)
    for (const [index, group] of groups.entries()) {
      assert.deepEqual(group.map(({ target }) => target).toSorted(), ['a', 'b'])
      assert.ok(group.every(({ iteration }) => iteration === Math.floor(index / 4) + 1))
    }
    assert.equal(new Set(groups.flat().map(stepKey)).size, 24)
    assert.deepEqual(groups, stepGroups(makePlan(wanted)))
    assert.notDeepEqual(groups, stepGroups(makePlan({ ...wanted, seed: 2 })))
  })
})

describe('run-test-matrix', () => {
  it('goes on past a failing target, says so by its exit code, and writes reports that ask for nothing', async () => {
    using workplace = new Workplace()
    const bad = `bad=command:${process.execPath} ${FAKE_SERVER} {port} aborts-for-memory 127.0.0.1 ${workplace.path}`
    const cells = '--ram 64 --file-size 1M,2M --iterations 3 --seed 3'.split(' ')
    const run = workplace.start(['run-test-matrix', ...cells, ...fakeFlags(workplace), '--target', bad])
    assert.equal(await run.end(), 1, run.stderr)
    assert.match(run.stdout, /bad 64 MB 1M: out_of_memory \(2 of 2\)/, 'given up after two')
    assert.match(run.stdout, /2 of 4 cells held/)
    const folder = join(workplace.out, readdirSync(workplace.out)[0] ?? '')
    assert.deepEqual(
      readResults(folder).map(({ target, stats }) => [target.name, stats.success_count]),
      [
        ['command', 3],
        ['command', 3],
        ['bad', 0],
        ['bad', 0],
      ],
    )
    const html = readFileSync(join(folder, 'report.html'), 'utf8')
    assert.doesNotMatch(html, /<script|<link|src=|url\(|@import/)
    assert.match(html, /JavaScript heap out of memory/)
    assert.match(readFileSync(join(folder, 'report.md'), 'utf8'), /\| 64 \| 1M \| bad \|/)
    const compared = workplace.start(['compare', folder])
    assert.equal(await compared.end(), 0, compared.stderr)
    assert.match(compared.stdout, /no data/)
    assert.deepEqual(workplace.leftovers(), [])
  })

  it('refuses to resume what is not a run, or with a plan of its own', async () => {
    using workplace = new Workplace()
    const nothing = workplace.start(['run-test-matrix', '--resume', '--out', workplace.path])
    assert.equal(await nothing.end(), 65)
    assert.match(nothing.stderr, /there is no run to resume/)
    const changed = workplace.start(['run-test-matrix', '--resume', '--ram', '64'])
    assert.equal(await changed.end(), 65)
    assert.match(changed.stderr, /--ram cannot be given with --resume/)
  })
})

function readReport(folder: string) {
  const text = readFileSync(join(folder, 'report.json'), 'utf8')
  // When a cell was written last is another matter.
  return JSON.parse(text.replaceAll(/^ *"timestamp": .*$/gm, '"timestamp": "",')) as {
    targets: string[]
    headline: string
    comparisons: { a: string }[]
  }
}

describe('a report', () => {
  it('compares with the first target that was given, or the first that has anything to compare with', async () => {
    for (const [fault, first] of [
      ['none', 'z'],
      ['answers-500', 'command'],
    ]) {
      using workplace = new Workplace()
      const [, , ...flags] = fakeFlags(workplace)
      const target = (name: string, kind = 'none') =>
        `${name}=command:${process.execPath} ${FAKE_SERVER} {port} ${kind} 127.0.0.1 ${workplace.path}`
      const targets = ['--target', target('z', fault), '--target', target('command'), '--target', target('a')]
      // A seed with which another target begins.
      const cells = '--ram 64,128 --file-size 1M --iterations 1 --seed 3'.split(' ')
      const run = workplace.start(['run-test-matrix', ...cells, ...flags, ...targets])
      await run.end()
      const folder = join(workplace.out, readdirSync(workplace.out)[0] ?? '')
      const report = readReport(folder)
      assert.deepEqual(report.targets, ['z', 'command', 'a'])
      assert.deepEqual(
        report.comparisons.map(({ a }) => a),
        [first, first],
      )
      assert.equal(report.headline.includes('nothing to compare'), fault !== 'none')
      const again = workplace.start(['lab', 'report', folder])
      assert.equal(await again.end(), 0, again.stderr)
      assert.deepEqual(readReport(folder), report)
    }
  })
})

describe('a folder of runs', () => {
  it('is reported at once when impossible, also where the system denies that its parent exists', async () => {
    for (const out of ['/proc/runs', '/dev/null/runs']) {
      using workplace = new Workplace()
      const words = ['run-test', '--ram', '64', '--file-size', '1M', '--iterations', '1']
      const run = workplace.start([...words, ...fakeFlags(workplace), '--out', out])
      assert.equal(await run.end(), 74, run.stderr)
      assert.match(run.stderr, new RegExp(`the lab cannot use ${out}`))
    }
  })

  it('is named with a remedy when the disk is full', async () => {
    const error = { code: 'LAB_FOLDER_UNUSABLE', message: /the lab cannot use \/runs: ENOSPC/, hint: /--resume/ }
    await assert.rejects(
      usingFolder('/runs', () => writeFileSync('/dev/full', 'x')),
      error,
    )
  })
})

describe('a journal', () => {
  it('has the last word: results that a kill kept from being written are made of it', async () => {
    using workplace = new Workplace()
    const cells = '--ram 64 --file-size 1M --iterations 2'.split(' ')
    const run = workplace.start(['run-test-matrix', ...cells, ...fakeFlags(workplace)])
    assert.equal(await run.end(), 0, run.stderr)
    const folder = join(workplace.out, readdirSync(workplace.out)[0] ?? '')
    for (const name of readdirSync(join(folder, 'cells'))) rmSync(join(folder, 'cells', name))
    const resumed = workplace.start(['run-test-matrix', '--resume', folder])
    assert.equal(await resumed.end(), 0, resumed.stderr)
    assert.deepEqual(
      readResults(folder).map(({ stats }) => stats.success_count),
      [2],
    )
  })

  it('loses a torn last line and nothing else', async () => {
    using workplace = new Workplace()
    const run = workplace.start([
      'run-test-matrix',
      ...'--ram 64 --file-size 1M --iterations 2'.split(' '),
      ...fakeFlags(workplace),
    ])
    assert.equal(await run.end(), 0, run.stderr)
    const folder = RunFolder.open(join(workplace.out, readdirSync(workplace.out)[0] ?? ''))
    const path = join(folder.path, 'journal.ndjson')
    const whole = readFileSync(path, 'utf8')
    const [first, second] = folder.readJournal()
    writeFileSync(path, whole.slice(0, -10))
    assert.deepEqual(folder.readJournal(), [first])
    assert.ok(second)
    folder.append(second)
    assert.deepEqual(folder.readJournal(), [first, second])
    writeFileSync(path, `garbage\n${whole}`)
    assert.throws(() => folder.readJournal(), { code: 'LAB_RUN_UNUSABLE' })
    assert.ok(existsSync(path))
  })
})
