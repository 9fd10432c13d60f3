/** The server as a process: its start, its health, its end by signals. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytes, sha256Of } from '../support/bytes.ts'
import { encodeForm, formHeaders, NEVER, RawConnection, requestHead } from '../support/forms.ts'
import { eventually, run, startServer, temporaryFolder, type TestServer } from '../support/server.ts'

const partials = (server: TestServer) => readdirSync(join(server.dataFolder, 'uploads'))

function assertSound(dataFolder: string): void {
  using database = new DatabaseSync(join(dataFolder, 'holdfast.db'), { readOnly: true })
  assert.equal(database.prepare('pragma integrity_check').get()?.integrity_check, 'ok')
  assert.equal(database.prepare('pragma foreign_key_check').all().length, 0)
}

/** An upload of `total` bytes of which `sent` have arrived. */
async function slowUpload(server: TestServer, content: Buffer, sent: number): Promise<RawConnection> {
  const head = requestHead(server, 'PUT /api/files/slow.bin', [`Content-Length: ${content.length}`])
  const connection = new RawConnection(server, head)
  connection.socket.write(content.subarray(0, sent))
  await eventually(async () => (await server.guest('/api/metrics')).json().uploads_active === 1)
  return connection
}

describe('the first start', () => {
  it('makes a passphrase, shows it once and keeps it to its owner', async () => {
    const first = await startServer({ passphrase: null })
    const path = join(first.dataFolder, 'shared-secret')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(readFileSync(path, 'utf8').trim(), first.passphrase)
    assert.equal((await first.owner('/api/files')).status, 200)
    assert.equal(first.program.stdout.split(first.passphrase).length, 2)
    await first.stop()
    const again = await run(['serve', '--data', first.dataFolder, '--port', '99999'])
    assert.ok(!again.stdout.includes(first.passphrase))
    await using second = await startServer({
      dataFolder: first.dataFolder,
      passphrase: readFileSync(path, 'utf8').trim(),
    })
    assert.ok(!(second.program.stdout + second.log).includes(first.passphrase))
  })

  it('does not keep the passphrase of a start that failed', async () => {
    await using taken = await startServer()
    const dataFolder = temporaryFolder()
    assert.equal((await run(['serve', '--data', dataFolder, '--port', String(taken.port)])).code, 69)
    await using second = await startServer({ dataFolder, passphrase: null })
    assert.equal((await second.owner('/api/files')).status, 200)
  })

  it('makes a data folder for its user alone', async () => {
    const dataFolder = join(temporaryFolder(), 'deep', 'data')
    await using server = await startServer({ dataFolder })
    await server.put('a', 'text')
    assert.equal(statSync(dataFolder).mode & 0o777, 0o700)
    const files = readdirSync(join(dataFolder, 'files'), { recursive: true, withFileTypes: true })
    for (const entry of files) {
      assert.equal(statSync(join(entry.parentPath, entry.name)).mode & 0o077, 0, entry.name)
    }
  })

  it('refuses an empty passphrase file', async () => {
    const dataFolder = temporaryFolder()
    writeFileSync(join(dataFolder, 'shared-secret'), '\n')
    const { code, stderr } = await run(['serve', '--data', dataFolder, '--port', '0'])
    assert.equal(code, 74)
    assert.match(stderr, /shared-secret is empty/)
  })

  it('says so when it may not use a file of the data folder', async () => {
    for (const name of ['shared-secret', 'server.lock', 'holdfast.db']) {
      const dataFolder = temporaryFolder()
      // Root may read everything but this.
      mkdirSync(join(dataFolder, name))
      const { code, stderr } = await run(['serve', '--data', dataFolder, '--port', '0'])
      assert.deepEqual([name, code], [name, 74])
      assert.match(stderr, /^holdfast: .+\n/)
    }
  })
})

describe('a start that fails', () => {
  it('exits 78 on mistakes in the configuration, names all, and makes nothing', async () => {
    const folder = temporaryFolder()
    const env = {
      PORT: 'x',
      HOLDFAST_LOG_LEVEL: 'loud',
      HOLDFAST_SHUTDOWN_GRACE: '30',
      HOLDFAST_PROT: '1',
      HOLDFAST_SHARED_SECRET: 'hunter22',
    }
    const { code, stderr, stdout } = await run(
      ['serve', '--data', join(folder, 'data'), '--idle-timeout', '5', '--fsync', 'maybe'],
      env,
      folder,
    )
    assert.equal(code, 78)
    for (const name of [
      'PORT',
      'HOLDFAST_LOG_LEVEL',
      'HOLDFAST_SHUTDOWN_GRACE',
      'HOLDFAST_PROT',
      '--idle-timeout',
      '--fsync',
    ]) {
      assert.match(stderr, new RegExp(`^  ${name}: `, 'm'))
    }
    assert.match(stderr, /"loud" is not one of trace, debug/)
    assert.ok(!stderr.includes('hunter22'))
    assert.equal(stdout, '')
    assert.deepEqual(readdirSync(folder), [])
  })

  it('exits 75 on a data folder that another server uses, and harms no client', async () => {
    await using server = await startServer()
    const file = await server.put('a', 'text')
    const { code, stderr } = await run(['serve', '--data', server.dataFolder, '--port', '0'])
    assert.equal(code, 75)
    assert.match(stderr, /another Holdfast server uses/)
    assert.equal((await server.guest(`/-${file.id}`)).text, 'text')
  })

  it('exits 69 on a port that is taken', async () => {
    const blocker = createServer().listen(0, '127.0.0.1')
    await eventually(() => blocker.listening)
    const { port } = blocker.address() as AddressInfo
    const { code, stderr } = await run(['serve', '--data', temporaryFolder(), '--port', String(port)])
    blocker.close()
    assert.equal(code, 69)
    assert.match(stderr, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}`))
  })

  it('exits 69 on an address that this machine does not have', async () => {
    assert.equal((await run(['serve', '--data', temporaryFolder(), '--port', '0', '--host', '192.0.2.1'])).code, 69)
  })

  it('exits 74 on a file, or on a database file that is not a database', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'file'), '')
    assert.equal((await run(['serve', '--data', join(folder, 'file'), '--port', '0'])).code, 74)
    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'data', 'holdfast.db'), 'this is not a database at all'.repeat(100))
    const { code, stderr } = await run(['serve', '--data', join(folder, 'data'), '--port', '0'])
    assert.equal(code, 74)
    assert.match(stderr, /^holdfast: .*holdfast\.db/m)
    assert.ok(!stderr.includes('    at '))
  })
})

describe('a running server', () => {
  it('tells its health, its readiness and its measures', async () => {
    await using server = await startServer()
    const health = await server.guest('/api/health')
    assert.equal(health.status, 200)
    const { version, uptime_seconds: uptime, ...rest } = health.json()
    assert.match(String(version), /^\d+\.\d+\.\d+/)
    assert.ok(Number.isInteger(uptime))
    assert.deepEqual(rest, { status: 'ok' })
    assert.deepEqual((await server.guest('/api/ready')).json(), {
      status: 'ready',
      checks: { database: 'ok', blobs: 'ok', disk: 'ok' },
    })

    const file = await server.put('a', bytes(5000))
    await server.guest(`/-${file.id}`)
    const wrong = { 'content-md5': Buffer.alloc(16).toString('base64') }
    await server.owner('/api/files/changed', { method: 'PUT', body: 'text', headers: wrong })
    // The server closes the file after the client has its last byte.
    await eventually(async () => (await server.guest('/api/metrics')).json().downloads_active === 0)
    const metrics = (await server.guest('/api/metrics')).json<Record<string, number>>()
    const near = Math.abs((metrics.memory_usage_bytes ?? 0) - server.memory('VmRSS'))
    assert.ok(near < 20_000_000, `${metrics.memory_usage_bytes} and ${server.memory('VmRSS')}`)
    assert.deepEqual(
      [
        metrics.uploads_active,
        metrics.uploads_total,
        metrics.uploads_failed_total,
        metrics.upload_bytes_total,
        metrics.downloads_active,
        metrics.downloads_total,
      ],
      [0, 1, 1, 5004, 0, 1],
    )

    const connection = await slowUpload(server, bytes(2000), 1000)
    const { uploads, files } = (await server.owner('/api/system')).json<{
      uploads: { bytes: number; totalBytes: number }[]
      files: unknown
    }>()
    assert.equal(uploads[0]?.totalBytes, 2000)
    assert.deepEqual(files, { count: 1, totalBytes: 5000 })
    connection.socket.destroy()
  })

  it("has metrics in Prometheus's format", async () => {
    await using server = await startServer()
    const { headers, text } = await server.guest('/metrics')
    assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
    const samples = new Map<string, number>()
    const types = new Map<string, string>()
    for (const line of text.split('\n').filter((candidate) => candidate !== '')) {
      const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) ([a-z_:][\w:]*) (.+)$/i.exec(line) ?? []
      if (kind === 'TYPE') types.set(name, rest)
      if (kind) continue
      const sample = /^([a-z_:][\w:]*)(\{(?:\w+="[^"]*",?)+\})? (\S+)$/i.exec(line)
      assert.ok(sample?.[1] && Number.isFinite(Number(sample[3])), line)
      assert.ok(types.has(sample[1].replace(/_(bucket|sum|count)$/, '')) || types.has(sample[1]), line)
      samples.set(sample[1] + (sample[2] ?? ''), Number(sample[3]))
    }
    assert.equal(samples.get('holdfast_uploads_active'), 0)
    assert.equal(samples.get('holdfast_uploads_total{outcome="complete"}'), 0)
    assert.equal(types.get('holdfast_uploads_total'), 'counter')
    assert.ok(Math.abs((samples.get('process_resident_memory_bytes') ?? 0) - server.memory('VmRSS')) < 20_000_000)
    for (const [name, type] of types) if (type === 'counter') assert.match(name, /_total$/)
  })
})

describe('SIGTERM', () => {
  it('ends the server with 0 as soon as it has announced its address', async () => {
    const env = { NODE_OPTIONS: `--import ${import.meta.resolve('../helpers/stop-at-start.ts')}` }
    const { code, stdout } = await run(['serve', '--data', temporaryFolder(), '--port', '0'], env)
    assert.match(stdout, /Holdfast is at/)
    assert.equal(code, 0)
  })

  it('ends an idle server at once with 0', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const server = await startServer()
      await server.put('a', 'text')
      server.program.signal(signal)
      assert.deepEqual(await server.program.exited, { code: 0, signal: null })
      assert.ok(!existsSync(join(server.dataFolder, 'holdfast.db-wal')), 'checkpointed')
      assertSound(server.dataFolder)
    }
  })

  it('lets a slow upload and a slow download finish, and takes nothing new', async () => {
    const server = await startServer()
    const stored = await server.put('stored.bin', bytes(20_000_000))
    const download = await fetch(`${server.url}/-${stored.id}`)
    const content = bytes(300_000)
    const upload = await slowUpload(server, content, 100_000)
    server.program.signal('SIGTERM')
    const health = await eventually(async () => {
      const answer = await server.guest('/api/health')
      return answer.status === 503 ? answer : null
    })
    assert.equal(health.json().status, 'draining')
    assert.equal((await server.guest('/api/ready')).status, 503)
    assert.equal((await server.guest('/api/metrics')).json().uploads_active, 1)
    const form = {
      method: 'POST',
      body: encodeForm([{ name: 'file', filename: 'a', content: 'x' }]),
      headers: formHeaders(),
    }
    const refused = [
      await server.owner('/api/files/new', { method: 'PUT', body: 'text' }),
      await server.owner(`/api/entry?${NEVER}`, form),
      await server.guest(`/-${stored.id}`),
      await server.owner('/api/files'),
    ]
    for (const { status, headers } of refused) {
      assert.equal(status, 503)
      assert.ok(headers.get('retry-after'))
    }
    assert.equal(server.program.exit, null)
    upload.socket.write(content.subarray(100_000))
    await eventually(() => upload.statuses.length > 0)
    assert.deepEqual(upload.statuses, [201])
    assert.equal(await sha256Of(Buffer.from(await download.arrayBuffer())), stored.sha256)
    assert.deepEqual(await server.program.exited, { code: 0, signal: null })
    assertSound(server.dataFolder)
    await using again = await startServer({ dataFolder: server.dataFolder })
    const { files } = await again.list()
    assert.deepEqual(files.map(({ filename }) => filename).toSorted(), ['slow.bin', 'stored.bin'])
    const slow = files.find(({ filename }) => filename === 'slow.bin')
    assert.deepEqual((await again.guest(`/-${slow?.id}`)).bytes, content)
  })

  it('lets other requests be answered too', { timeout: 60_000 }, async () => {
    const server = await startServer({ args: ['--shutdown-grace', '1h'] })
    const body = JSON.stringify({ defaultExpirationDays: 7, defaultNeverExpire: false })
    const headers = ['Content-Type: application/json', `Content-Length: ${body.length}`]
    const request = new RawConnection(server, requestHead(server, 'PUT /api/settings', headers))
    request.socket.write(body.slice(0, 10))
    // One whose connection ends before its turn comes is not waited for.
    const [events, session] = ['uploads/absent-34/events', 'session'].map(
      (path) => `GET /api/${path} HTTP/1.1\r\nHost: a\r\n\r\n`,
    )
    const gone = new RawConnection(server, `${events}${session}`)
    await eventually(() => gone.received.includes('event-stream'))
    gone.socket.destroy()
    server.program.signal('SIGTERM')
    await eventually(async () => (await server.guest('/api/health')).status === 503)
    await sleep(300)
    request.socket.write(body.slice(10))
    await request.closed
    assert.deepEqual(request.statuses, [200])
    assert.deepEqual(await server.program.exited, { code: 0, signal: null })
  })

  it('cuts the remaining transfers after the grace period and leaves nothing of them', async () => {
    const server = await startServer({ args: ['--shutdown-grace', '300ms'] })
    await server.put('kept', 'text')
    const upload = await slowUpload(server, bytes(300_000), 100_000)
    const exit = await server.stop()
    assert.deepEqual(exit, { code: 0, signal: null })
    await upload.closed
    assert.ok(!upload.statuses.includes(201))
    assert.deepEqual(partials(server), [])
    assertSound(server.dataFolder)
    await using again = await startServer({ dataFolder: server.dataFolder })
    assert.deepEqual(
      (await again.list()).files.map(({ filename }) => filename),
      ['kept'],
    )
  })

  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    it(`twice (the second is ${signal}) ends it at once with ${code}; the next start is clean`, async () => {
      const server = await startServer()
      await server.put('kept', 'text')
      const upload = await slowUpload(server, bytes(300_000), 100_000)
      server.program.signal('SIGTERM')
      await eventually(async () => (await server.guest('/api/health')).status === 503)
      server.program.signal(signal)
      assert.deepEqual(await server.program.exited, { code, signal: null })
      await upload.closed
      await using again = await startServer({ dataFolder: server.dataFolder })
      await eventually(() => partials(again).length === 0)
      const { files } = await again.list()
      assert.deepEqual(
        files.map(({ filename }) => filename),
        ['kept'],
      )
      assert.equal((await again.guest(`/-${files[0]?.id}`)).text, 'text')
      assertSound(server.dataFolder)
    })
  }

  it('ends connections that only wait', async () => {
    const server = await startServer()
    const idle = new RawConnection(server, '')
    const watcher = new RawConnection(server, 'GET /api/uploads/absent-12/events HTTP/1.1\r\nHost: a\r\n\r\n')
    const half = new RawConnection(server, 'GET /api/health HTTP/1.1\r\nHost: a\r\n')
    await eventually(() => watcher.received.includes('event-stream'))
    assert.deepEqual(await server.stop(), { code: 0, signal: null })
    await Promise.all([idle.closed, watcher.closed, half.closed])
  })
})
