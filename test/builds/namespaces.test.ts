/** Builds in containers that share a template and a data folder: each counts its own pids. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, it } from 'node:test'
import { groupOf, isAlive, membersOf } from '../../src/builds/process-group.ts'
import { finish, until, Workshop } from './support/workshop.ts'
import { MAIN } from '../helpers/holdfast-main.ts'

const UNSHARE = ['unshare', '-pf', '--mount-proc']
const isAllowed = spawnSync('unshare', [...UNSHARE.slice(1), 'true']).status === 0
const skip = isAllowed ? false : 'unshare of pid namespaces is not allowed here'

/** As the packer on the PATH, but a build waits for a file `go` when `SLOW` is set. */
const PACKER = `#!/bin/sh
case " $* " in *" build "*) [ -z "$SLOW" ] || { : >slow; until [ -e go ]; do sleep 0.05; done; } ;; esac
exec "$REAL_PACKER" "$@"
`

describe('builds in two pid namespaces', { skip }, () => {
  it('leave a template alone that the other has not read yet', async () => {
    const shop = new Workshop()
    shop.writeSteps(['echo one'])
    mkdirSync(join(shop.folder, 'bin'))
    const packer = shop.write('bin/packer', PACKER)
    chmodSync(packer, 0o755)
    const found = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'packer'))
    shop.env = { REAL_PACKER: found.find(existsSync) ?? assert.fail('no packer'), HOLDFAST_PACKER: packer, SLOW: '1' }
    const slow = finish(shop.start('build', 'steps.pkr.hcl'))
    await until(() => existsSync(join(shop.folder, 'slow')))
    const env = { ...process.env, ...shop.env, SLOW: '', HOLDFAST_DATA: shop.data }
    const args = [process.execPath, MAIN, 'build', 'steps.pkr.hcl', '--state', 'other']
    const other = spawnSync('unshare', [...UNSHARE.slice(1), ...args], { cwd: shop.folder, env, encoding: 'utf8' })
    assert.equal(other.status, 0, other.stdout + other.stderr)
    shop.write('go', '')
    const { status, out } = await slow
    assert.equal(status, 0, out)
    assert.deepEqual(shop.leftTemplates(), [])
  })

  it('do not mistake a process of the other for their own', async () => {
    const sleeper = spawn('sleep', ['60'], { detached: true })
    await once(sleeper, 'spawn')
    try {
      const stat = readFileSync(`/proc/${sleeper.pid}/stat`, 'latin1').trimEnd()
      assert.deepEqual(membersOf(groupOf(stat) ?? assert.fail()), [sleeper.pid])
      const elsewhere = groupOf(`${stat} 01234567.4026531999\n`) ?? assert.fail()
      assert.deepEqual([isAlive(elsewhere), membersOf(elsewhere)], [false, []])
    } finally {
      sleeper.kill('SIGKILL')
    }
  })
})
