/** man/holdfast.1, as the programs that show it read it. `node scripts/docs.ts --check` keeps it up to date. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, it } from 'node:test'

const PAGE = join(import.meta.dirname, '../../man/holdfast.1')

const env = { ...process.env, MANWIDTH: '80', LC_ALL: 'C' }

describe('the manual page', () => {
  it('shows each command and its options in man', (t) => {
    const { error, stdout, stderr } = spawnSync('man', ['--warnings', '-l', PAGE], { encoding: 'utf8', env })
    if (error) return t.skip('there is no man here')
    assert.equal(stderr, '')
    assert.match(stdout, /^ {3}holdfast state rollback \[options\] <serial>$/m)
    assert.match(stdout, /^ {7}--shutdown-grace <value>$/m)
    assert.match(stdout, /78 {2}a mistake in the configuration$/m)
  })

  it('has nothing that mandoc warns of', (t) => {
    const { error, stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', PAGE], { encoding: 'utf8' })
    if (error) return t.skip('there is no mandoc here')
    // A page that is made from code has no date of its own.
    const warnings = stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'))
    assert.deepEqual(warnings, [])
  })
})
