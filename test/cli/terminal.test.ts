/** Which outputs get a view that moves the cursor. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'

const isThere = spawnSync('script', ['--version']).error === undefined
const PROGRAM = `import('./src/cli/terminal.ts').then(({ movesCursor }) => process.stdout.write(String(movesCursor(process.stdout))))`

describe('movesCursor', () => {
  it('is false for a pipe', () => {
    assert.equal(execFileSync(process.execPath, ['-e', PROGRAM], { encoding: 'utf8' }).trim(), 'false')
  })

  it('is true for a terminal, unless that is dumb', { skip: !isThere && 'script(1) is not installed' }, () => {
    const look = (term: string) =>
      execFileSync('script', ['-qec', `${process.execPath} -e "${PROGRAM}"`, '/dev/null'], {
        env: { PATH: process.env['PATH'] ?? '', TERM: term },
        encoding: 'utf8',
      }).trim()
    assert.deepEqual([look('xterm'), look('dumb')], ['true', 'false'])
  })
})
