import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { describeConfig, loadConfig, parseConfig } from '../../src/base/index.ts'
import { OPTIONS, SETTINGS } from '../../src/cli/options.ts'

const folder = mkdtempSync(join(tmpdir(), 'holdfast-config-'))
after(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

describe('parseConfig', () => {
  it('has a default for every setting', () => {
    const config = loadConfig(SETTINGS, { env: {} })
    assert.equal(config.host, '127.0.0.1')
    assert.equal(config.port, 4001)
    assert.equal(config.shutdownGrace, 30_000)
    assert.equal(config.sharedSecret, null)
  })

  it('prefers flags to the environment, that to the file, that to defaults', () => {
    const path = file('order.json', JSON.stringify({ port: 1, host: '::1', logLevel: 'warn' }))
    const config = loadConfig(SETTINGS, { flags: { port: '3' }, env: { PORT: '2', HOLDFAST_HOST: 'h' }, file: path })
    assert.equal(config.port, 3)
    assert.equal(config.host, 'h')
    assert.equal(config.logLevel, 'warn')
    assert.equal(config.dataFolder, './data')
  })

  it("understands PicoShare's variables", () => {
    const secretFile = file('secret', 'from the file\r\n')
    const env = { PORT: '5000', PS_SHARED_SECRET: 'direct', PS_SHARED_SECRET_FILE: secretFile, PS_BEHIND_PROXY: 'y' }
    const config = loadConfig(SETTINGS, { env })
    assert.equal(config.port, 5000)
    assert.equal(config.sharedSecret?.reveal(), 'from the file')
    assert.equal(config.behindProxy, true)
  })

  it('reports all mistakes at once, each with its source and what is allowed', () => {
    const result = parseConfig(SETTINGS, {
      flags: { port: '70000' },
      env: { HOLDFAST_LOG_LEVEL: 'loud', HOLDFAST_SHUTDOWN_GRACE: '30', HOLDFAST_PROT: '1' },
    })
    assert.ok(!result.ok)
    assert.deepEqual(result.issues, [
      { source: '--port', message: '"70000" is not a whole number from 0 to 65535' },
      { source: 'HOLDFAST_SHUTDOWN_GRACE', message: '"30" is not a duration from 0s to 1d, such as 30s or 5m' },
      {
        source: 'HOLDFAST_LOG_LEVEL',
        message: '"loud" is not one of trace, debug, info, warn, error, fatal, silent',
      },
      { source: 'HOLDFAST_PROT', message: 'is not a setting; did you mean HOLDFAST_PORT?' },
    ])
  })

  it('names unknown keys and unreadable files', () => {
    const odd = parseConfig(SETTINGS, { env: {}, file: file('odd.json', '{"prot": 1}') })
    assert.ok(!odd.ok)
    assert.match(odd.issues[0]?.message ?? '', /did you mean port\?/)
    for (const content of ['', '[1]', '{"port":']) {
      assert.equal(parseConfig(SETTINGS, { env: {}, file: file('bad.json', content) }).ok, false, content)
    }
    const missing = parseConfig(SETTINGS, { env: { PS_SHARED_SECRET_FILE: join(folder, 'none') } })
    assert.ok(!missing.ok)
    assert.match(missing.issues[0]?.message ?? '', /cannot be read/)
  })

  it('never shows a secret', () => {
    const config = loadConfig(SETTINGS, { env: { HOLDFAST_SHARED_SECRET: 'hunter22' } })
    const shown = JSON.stringify(describeConfig(OPTIONS, config)) + JSON.stringify(config) + String(config.sharedSecret)
    assert.ok(!shown.includes('hunter22'))
    assert.ok(shown.includes('***'))
  })
})
