/** The environment in which people start the server. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { RawConnection, requestHead } from '../support/forms.ts'
import { eventually, run, startServer, temporaryFolder } from '../support/server.ts'

const KUBERNETES = {
  HOLDFAST_SERVICE_HOST: '10.0.171.239',
  HOLDFAST_SERVICE_PORT: '80',
  HOLDFAST_SERVICE_PORT_HTTP: '80',
  HOLDFAST_PORT: 'tcp://10.0.171.239:80',
  HOLDFAST_PORT_80_TCP: 'tcp://10.0.171.239:80',
  HOLDFAST_PORT_80_TCP_PROTO: 'tcp',
  HOLDFAST_PORT_80_TCP_PORT: '80',
  HOLDFAST_PORT_80_TCP_ADDR: '10.0.171.239',
  HOLDFAST_WEB_SERVICE_HOST: '10.0.171.240',
  HOLDFAST_WEB_PORT: 'tcp://10.0.171.240:80',
}

describe('variables', () => {
  it('are ignored when a Kubernetes Service called holdfast sets them', async () => {
    const { code, stdout, stderr } = await run(['config', 'check'], { ...KUBERNETES, PORT: '4005' })
    assert.equal(code, 0, stderr)
    assert.match(stdout, /4005/)
  })

  it('are still refused when misspelt', async () => {
    for (const name of ['HOLDFAST_PROT', 'HOLDFAST_SERVICE', 'HOLDFAST_PORT_HTTP']) {
      const { code, stderr } = await run(['config', 'check'], { [name]: '1' })
      assert.equal(code, 78, name)
      assert.match(stderr, new RegExp(name))
    }
    assert.equal((await run(['config', 'check'], { HOLDFAST_PORT: 'http://x' })).code, 78)
  })

  it('count as unset when empty', async () => {
    assert.equal((await run(['config', 'check'], { HOLDFAST_PORT: '', HOLDFAST_DATA: '' })).code, 0)
  })
})

describe('a file of variables', () => {
  it('may have been edited on Windows', async () => {
    const config = join(temporaryFolder(), 'holdfast.json')
    writeFileSync(config, '{"hsts": "true"}')
    const env = { HOLDFAST_PORT: '4005\r', HOLDFAST_DATA: './shared\r\n', HOLDFAST_CONFIG: `${config}\r` }
    const { code, stdout, stderr } = await run(['config', 'check'], env)
    assert.equal(code, 0, stderr)
    assert.match(stdout, /4005/)
    assert.match(stdout, /shared$/m)
    assert.match(stdout, /hsts .*true/)
  })

  it('keeps quotes in values, which is refused for settings without showing secrets', async () => {
    for (const [name, value] of [
      ['HOLDFAST_PORT', '"4005"'],
      ['HOLDFAST_DATA', "'/srv/holdfast'"],
      ['HOLDFAST_PUBLIC_URL', '"https://files.example.org"'],
      ['HOLDFAST_PUBLISH_TOKEN', '"a-token"'],
    ] as const) {
      const { code, stderr } = await run(['config', 'check'], { [name]: value })
      assert.equal(code, 78, name)
      assert.match(stderr, new RegExp(`${name}: .*remove them`))
      assert.equal(stderr.includes(value.slice(1, -1)), name !== 'HOLDFAST_PUBLISH_TOKEN')
    }
  })
})

describe('the shared secret', () => {
  it('may be in quotes, which is warned of', async () => {
    await using server = await startServer({ passphrase: '"long enough"' })
    await eventually(() => server.log.includes('is in quotes'))
    assert.equal((await server.owner('/api/session')).json().isOwner, true)
  })

  it('is warned of when it is short', async () => {
    await using short = await startServer({ passphrase: 'x' })
    await eventually(() => short.log.includes('fewer than 8 characters'))
    await using long = await startServer({ passphrase: 'long enough' })
    assert.ok(!long.log.includes('fewer than 8'))
  })

  it('may end in a stray line break', async () => {
    await using server = await startServer({ env: { HOLDFAST_SHARED_SECRET: 'correct horse battery staple\r\n' } })
    assert.equal((await server.owner('/api/session')).json().isOwner, true)
  })
})

describe('a terminal that is closed', () => {
  it('lets a running upload finish', async () => {
    const server = await startServer()
    const upload = new RawConnection(server, requestHead(server, 'PUT /api/files/slow.txt', ['Content-Length: 4']))
    await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 1)
    server.program.signal('SIGHUP')
    await eventually(async () => (await server.guest('/api/health')).status === 503)
    upload.socket.write('text')
    await eventually(() => upload.statuses.length > 0)
    assert.deepEqual(upload.statuses, [201])
    upload.socket.destroy()
    assert.equal((await server.program.exited).code, 0)
  })
})

describe('SIGUSR1 and SIGUSR2', () => {
  it('neither open a debugger nor end the server', async () => {
    await using server = await startServer()
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
      server.program.signal(signal)
      await eventually(() => server.log.includes(`"signal":"${signal}"`))
    }
    assert.doesNotMatch(server.log, /Debugger listening/)
    assert.equal((await server.guest('/api/health')).status, 200)
    assert.equal((await server.stop()).code, 0)
  })
})

describe('a log on a terminal', () => {
  const isThere = spawnSync('script', ['--version']).error === undefined
  it('has colours, and none with NO_COLOR', { skip: !isThere && 'script(1) is not installed' }, () => {
    const look = (env: Record<string, string>) =>
      execFileSync(
        'script',
        [
          '-qec',
          `${process.execPath} -e "import('./src/base/index.ts').then(async (b) => (await b.createLog('info')).info('hello'))"`,
          '/dev/null',
        ],
        {
          env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env },
          encoding: 'utf8',
        },
      )
    assert.ok(look({}).includes('\u001b['))
    assert.ok(!look({ NO_COLOR: '1' }).includes('\u001b['))
  })
})

describe('the flags and files of PicoShare', () => {
  it('get an answer that says what to do instead', async () => {
    for (const args of [['-db', 'data/store.db'], ['serve', '-db', 'data/store.db'], ['--db=data/store.db']]) {
      const { code, stderr } = await run(args)
      assert.equal(code, 78, args.join(' '))
      assert.match(stderr, /serve --data FOLDER/)
    }
  })

  it('never seem empty: a folder with its database is refused', async () => {
    const folder = join(temporaryFolder(), 'data')
    mkdirSync(folder)
    writeFileSync(join(folder, 'store.db'), 'SQLite format 3')
    const { code, stderr } = await run(['serve', '--data', folder, '--port', '0'], {
      PORT: '0',
      PS_SHARED_SECRET: 'long enough',
    })
    assert.equal(code, 78, stderr)
    assert.match(stderr, /database of PicoShare/)
    assert.deepEqual(readdirSync(folder), ['store.db'])
  })
})
