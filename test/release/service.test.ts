/** packaging/holdfast.service, as systemd reads it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, it } from 'node:test'
import { OPTIONS } from '../../src/cli/options.ts'
import { tempFolder } from '../helpers/temp-folder.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const UNIT = readFileSync(join(ROOT, 'packaging/holdfast.service'), 'utf8')
/** Tenths of systemd's points of exposure, from 0 to 100: the lower, the more is closed to the service. */
const MAX_EXPOSURE = 20
const skip = spawnSync('systemd-analyze', ['--version']).status === 0 ? false : 'there is no systemd-analyze here'

describe('the systemd unit', () => {
  it('gives running transfers the time that the server gives them', () => {
    const stopMs = Number(/^TimeoutStopSec=(\d+)$/m.exec(UNIT)?.[1]) * 1000
    assert.ok(stopMs > OPTIONS.shutdownGrace.default, `${stopMs} ms`)
  })

  it('is understood by systemd as a whole', { skip }, () => {
    const { status, stderr } = analyze('verify', '--man=no')
    assert.equal(stderr, '')
    assert.equal(status, 0)
  })

  it('keeps the service in a sandbox', { skip }, () => {
    const { status, stdout } = analyze('security', '--offline=true', `--threshold=${MAX_EXPOSURE}`)
    assert.equal(status, 0, stdout)
  })
})

function analyze(...args: string[]) {
  const path = join(tempFolder('unit'), 'holdfast.service')
  // systemd asks that the program is there.
  writeFileSync(path, UNIT.replace('=/usr/local/bin/holdfast', `=${ROOT}/bin/holdfast`))
  return spawnSync('systemd-analyze', [...args, path], { encoding: 'utf8' })
}
