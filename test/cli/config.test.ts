/** `holdfast config check`, and the command line as a whole. */
import assert from 'node:assert/strict'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { run, temporaryFolder } from '../support/server.ts'

describe('holdfast config check', () => {
  it('prints all that is in effect, secrets masked, and touches nothing', async () => {
    const folder = temporaryFolder()
    const { code, stdout } = await run(
      ['config', 'check', '--port', '5001'],
      { HOLDFAST_SHARED_SECRET: 'hunter22', HOLDFAST_SHUTDOWN_GRACE: '1m' },
      folder,
    )
    assert.equal(code, 0)
    assert.match(stdout, /^port +5001$|^port +?= 5001$/m)
    assert.match(stdout, /^shutdownGrace += 1m$/m)
    assert.match(stdout, /^host += 127\.0\.0\.1 {2}\(default\)$/m)
    assert.match(stdout, /^sharedSecret += \*\*\*$/m)
    assert.ok(!stdout.includes('hunter22'))
    assert.deepEqual(readdirSync(folder), [])
  })

  it('prints JSON that reads back as the same configuration', async () => {
    const first = await run(['config', 'check', '--json'], {
      PORT: '5002',
      PS_BEHIND_PROXY: 'y',
      HOLDFAST_MIN_FREE_SPACE: '1234567',
    })
    const settings = JSON.parse(first.stdout) as Record<string, string>
    assert.deepEqual([settings.port, settings.behindProxy], ['5002', 'true'])
    const file = join(temporaryFolder(), 'config.json')
    const { sharedSecret: _, sharedSecretFile: __, publishToken: ___, ...rest } = settings
    writeFileSync(file, JSON.stringify(rest))
    const second = await run(['config', 'check', '--json', '--config', file])
    assert.equal(second.code, 0, second.stderr)
    assert.deepEqual(JSON.parse(second.stdout), settings)
  })

  it('exits 78 with every mistake', async () => {
    const { code, stderr, stdout } = await run(['config', 'check', '--port', 'x', '--host', ''], {
      HOLDFAST_LOG_LEVEL: 'loud',
      HOLDFAST_PROT: '1',
    })
    assert.deepEqual([code, stdout], [78, ''])
    assert.match(stderr, /4 mistakes/)
    for (const name of ['--port', '--host', 'HOLDFAST_LOG_LEVEL', 'HOLDFAST_PROT'])
      assert.match(stderr, new RegExp(`^  ${name}: `, 'm'))
  })
})

describe('the command line', () => {
  it('has help and a version, and exits 64 when it is wrong', async () => {
    const help = await run(['--help'])
    assert.equal(help.code, 0)
    for (const command of ['serve', 'config', 'verify']) assert.match(help.stdout, new RegExp(`^  ${command}`, 'm'))
    assert.match((await run(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/)
    assert.match((await run(['serve', '--help'])).stdout, /--shutdown-grace/)
    for (const args of [['--nonsense'], ['srve'], ['serve', '--port'], ['serve', 'extra']]) {
      const { code, stderr } = await run(args)
      assert.equal(code, 64, args.join(' '))
      assert.match(stderr, /error: /)
    }
  })
})
