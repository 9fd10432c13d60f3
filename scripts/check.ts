/**
 * All that must hold before a change lands: format, lint and floors, types, dead code, and beside them the tests. Ends
 * in one line `N passed, N failed, N skipped` and exits 1 when anything failed. Arguments name test files or folders to
 * run alone; `--soak` runs the tests that take rounds, with many more rounds. TEST_SEED repeats the random
 * choices of a run.
 */
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'

const STATIC_CHECKS = [
  { name: 'format', command: 'oxfmt', args: ['--check'] },
  { name: 'lint and floors', command: 'oxlint', args: ['--ignore-pattern=test/floors/violations'] },
  { name: 'types', command: 'tsc', args: ['--noEmit'] },
  { name: 'types of the page', command: 'tsc', args: ['--noEmit', '-p', 'src/web'] },
  { name: 'reference pages', command: 'scripts/docs.ts', args: ['--check'] },
  { name: 'changelog', command: 'scripts/changelog.ts', args: ['check'] },
  { name: 'dead code', command: 'knip', args: ['--no-progress'] },
  { name: 'prose', command: 'scripts/prose.ts', args: [] },
]
/** Test files that take twenty seconds or more. */
const LONGEST = [
  'test/builds/qemu.test.ts',
  'test/builds/build.test.ts',
  'test/share/tus-crash.test.ts',
  'test/builds/checkpoint.test.ts',
  'test/builds/kills.test.ts',
  'test/builds/manifest.test.ts',
  'test/builds/temp-folder.test.ts',
  'test/cli/state.test.ts',
  'test/lab/faults.test.ts',
  'test/lab/machines.test.ts',
  'test/server/slow-clients.test.ts',
  'test/server/process.test.ts',
  'test/web/browser.test.ts',
  'test/web/builds-browser.test.ts',
]

const { values, positionals } = parseArgs({ allowPositionals: true, options: { soak: { type: 'boolean' } } })
/** Of one file. Soak runs take as long as they take; the job that runs them has an end. */
const TEST_TIMEOUT_MS = values.soak ? 3_600_000 : 240_000
/** Half of the tests wait for a clock, a disk or a browser at any moment. */
const FILES_AT_ONCE = 2 * availableParallelism()

// Halves the time that each test file, and each holdfast that one starts, takes to begin.
process.env['NODE_COMPILE_CACHE'] ??= resolve('node_modules/.cache/compiled')
process.env['TEST_SEED'] ??= `${randomInt(1, 2 ** 31)}`
if (values.soak) process.env['TEST_SOAK'] = '1'

const counts = { passed: 0, failed: 0, skipped: 0 }
const isWhole = positionals.length === 0 && !values.soak
await Promise.all([isWhole ? runStaticChecks() : [], runTests(testFiles())])
console.log(`TEST_SEED=${process.env['TEST_SEED']}`)
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0

async function runStaticChecks(): Promise<void> {
  for (const { name, command, args } of STATIC_CHECKS) {
    const script = command.endsWith('.ts') ? command : `node_modules/.bin/${command}`
    const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    const closed = new Promise((done) => child.once('close', done))
    const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), closed])
    console.log(`${status === 0 ? '✔' : '✖'} ${name}${status === 0 ? '' : `\n${out}${err}`}`)
    counts[status === 0 ? 'passed' : 'failed'] += 1
  }
}

/** The longest first: none of them should begin when the others have ended. */
function testFiles(): string[] {
  const paths = positionals.length === 0 ? ['test'] : positionals
  const files = paths.flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.test.ts`)))
  const chosen = values.soak ? files.filter((file) => readFileSync(file, 'utf8').includes('/support/soak.ts')) : files
  return chosen.toSorted((one, other) => Number(LONGEST.includes(other)) - Number(LONGEST.includes(one)))
}

async function runTests(files: string[]): Promise<void> {
  const tests = run({ files, concurrency: FILES_AT_ONCE, timeout: TEST_TIMEOUT_MS })
  tests.on('test:summary', ({ file, counts: seen }) => {
    if (file) return
    counts.passed += seen.passed
    counts.failed += seen.tests - seen.passed - seen.skipped - seen.todo
    counts.skipped += seen.skipped + seen.todo
  })
  const report = tests.compose(spec)
  report.pipe(process.stdout)
  await finished(report)
}
