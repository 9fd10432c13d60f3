/**
 * All that must hold before a change lands: format, lint and floors, types, dead code, then the tests. Ends in one line
 * `N passed, N failed, N skipped` and exits 1 when anything failed. Arguments name test files or folders to run alone.
 */
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'

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
const TEST_TIMEOUT_MS = 240_000

// Halves the time that each test file, and each holdfast that one starts, takes to begin.
process.env['NODE_COMPILE_CACHE'] ??= resolve('node_modules/.cache/compiled')

const given = process.argv.slice(2)
const counts = { passed: 0, failed: 0, skipped: 0 }
if (given.length === 0) for (const check of STATIC_CHECKS) runStaticCheck(check)
await runTests(given.length === 0 ? ['test'] : given)
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`)
process.exitCode = counts.failed > 0 || counts.passed === 0 ? 1 : 0

function runStaticCheck({ name, command, args }: (typeof STATIC_CHECKS)[number]): void {
  const result = spawnSync(
    process.execPath,
    [command.endsWith('.ts') ? command : `node_modules/.bin/${command}`, ...args],
    { encoding: 'utf8' },
  )
  const passed = result.status === 0
  console.log(`${passed ? '✔' : '✖'} ${name}`)
  if (!passed) console.log(`${result.stdout}${result.stderr}`)
  counts[passed ? 'passed' : 'failed'] += 1
}

async function runTests(paths: string[]): Promise<void> {
  const files = paths.flatMap((path) => (path.endsWith('.ts') ? [path] : globSync(`${path}/**/*.test.ts`)))
  const tests = run({ files, concurrency: 2, timeout: TEST_TIMEOUT_MS })
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
