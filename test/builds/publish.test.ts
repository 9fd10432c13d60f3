/** Artifacts on their way to a real share, with kills on both sides, and to what is not a share. */
import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Secret } from '../../src/base/index.ts'
import {
  publishArtifacts,
  type PublishableFile,
  type PublishOptions,
  type PublishProgress,
} from '../../src/builds/publish.ts'
import { withListener } from '../helpers/listener.ts'
import { startProgram } from '../helpers/program.ts'
import { bytes, generate, sha256, sha256Of } from '../support/bytes.ts'
import { postJson, startServer, temporaryFolder, type TestServer } from '../support/server.ts'

const MIB = 2 ** 20
const PROGRAM = join(import.meta.dirname, 'programs/publish.ts')
const quiet = ['--log-level', 'error']

let server: TestServer
let token: string
before(async () => {
  server = await startServer({ built: true, args: [...quiet, '--max-file-size', '100MiB'] })
  token = await makeToken(server)
})
after(async () => server[Symbol.asyncDispose]())

async function makeToken(share: TestServer): Promise<string> {
  return (await share.owner('/api/tokens', postJson({ name: 'publish' }))).json<{ token: string }>().token
}

async function makeFile(name: string, sizeBytes: number): Promise<PublishableFile> {
  const path = join(temporaryFolder(), name)
  const content = bytes(sizeBytes, name)
  writeFileSync(path, content)
  return { path, sizeBytes, sha256: await sha256Of(content) }
}

/** Publishes with little patience. */
async function publish(artifacts: PublishableFile[], given: Partial<PublishOptions> = {}) {
  const options = { url: server.url, token: new Secret(token), resumeFolder: temporaryFolder() }
  const { signal } = new AbortController()
  return await publishArtifacts(artifacts, { ...options, signal, retries: 3, initialDelayMs: 20, ...given })
}

async function fails(publishing: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(publishing, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'PUBLISH_FAILED', error.message)
    assert.match(error.message, message)
    assert.ok(!error.message.includes(token))
    return true
  })
}

const listed = async (share: TestServer) => (await share.list('?limit=1000')).files

describe('publishArtifacts', () => {
  it('brings files of any name and size to the share, and says how far it is', async () => {
    const names = ['disk.qcow2', 'Größe "1" – 図面, final.img', '100% sure?.raw']
    const artifacts = await Promise.all(names.map((name, index) => makeFile(name, 1 + index * 3 * MIB)))
    const progress: PublishProgress[] = []
    const published = await publish(artifacts, { onProgress: (step) => progress.push(step) })
    assert.deepEqual(
      published.map(({ path }) => path),
      artifacts.map(({ path }) => path),
    )
    for (const [index, { url }] of published.entries()) {
      const response = await fetch(url)
      assert.equal(response.status, 200)
      assert.equal(await sha256Of(Buffer.from(await response.arrayBuffer())), artifacts[index]?.sha256)
      assert.ok((await listed(server)).some((file) => file.url === url && file.filename === names[index]))
    }
    for (const { path, sizeBytes } of artifacts) {
      const steps = progress.filter((step) => step.path === path).map(({ sentBytes }) => sentBytes)
      assert.deepEqual([steps[0], steps.at(-1)], [0, sizeBytes])
      assert.deepEqual(
        steps,
        steps.toSorted((a, b) => a - b),
      )
    }
  })

  it('asks the share to keep them for ever, or for so long', async () => {
    const [ever, hours] = [await makeFile('ever.bin', 1), await makeFile('hours.bin', 2)]
    await publish([ever])
    await publish([hours], { keepMs: 2 * 3_600_000 })
    const files = new Map((await listed(server)).map(({ filename, expiresAt }) => [filename, expiresAt]))
    assert.equal(files.get('ever.bin'), null)
    const leftMs = Date.parse(files.get('hours.bin') ?? '') - Date.now()
    assert.ok(leftMs > 1.9 * 3_600_000 && leftMs <= 2 * 3_600_000, `${leftMs} ms`)
  })

  it('does not send again what the share holds, and does when it no longer does', async () => {
    const artifact = await makeFile('again.bin', MIB)
    const resumeFolder = temporaryFolder()
    const [first] = await publish([artifact], { resumeFolder })
    const count = (await listed(server)).length
    assert.deepEqual(await publish([artifact], { resumeFolder }), [first])
    assert.deepEqual(await publish([artifact], { resumeFolder, url: `${server.url}/` }), [first])
    assert.equal((await listed(server)).length, count)
    const id = first?.url.split('-').at(-1) ?? ''
    await server.owner(`/api/entry/${id}`, { method: 'DELETE' })
    const [second] = await publish([artifact], { resumeFolder })
    assert.notEqual(second?.url, first?.url)
    assert.equal((await listed(server)).length, count)
  })

  it('tolerates a record that is damaged, or names another server', async () => {
    const artifact = await makeFile('record.bin', 1000)
    const resumeFolder = temporaryFolder()
    await publish([artifact], { resumeFolder })
    const [name = ''] = readdirSync(resumeFolder)
    const record = join(resumeFolder, name)
    assert.ok(!readFileSync(record, 'utf8').includes(token))
    for (const content of ['', '{"uploadUrl"', '{"uploadUrl": 1}']) {
      writeFileSync(record, content)
      assert.equal((await publish([artifact], { resumeFolder })).length, 1)
    }
    writeFileSync(record, JSON.stringify({ uploadUrl: 'http://127.0.0.1:1/api/tus/x', fileId: null }))
    await fails(publish([artifact], { resumeFolder }), /sends the upload elsewhere/)
  })

  it('resumes where the share stands after it was killed itself', { timeout: 60_000 }, async () => {
    const artifact = await makeFile('killed-client.bin', 40 * MIB)
    const resumeFolder = temporaryFolder()
    const args = [server.url, token, resumeFolder, artifact.path, artifact.sha256, `${artifact.sizeBytes}`]
    const starts: number[] = []
    for (const limit of [10 * MIB, 25 * MIB]) {
      const program = startProgram(PROGRAM, args)
      starts.push(Number(await program.line()))
      while (Number(await program.line()) < limit);
      program.kill('SIGKILL')
      await program.ended
    }
    assert.equal(starts[0], 0)
    assert.ok((starts[1] ?? 0) > 5 * MIB, `${starts[1]}`)
    const sent: number[] = []
    const [published] = await publish([artifact], { resumeFolder, onProgress: ({ sentBytes }) => sent.push(sentBytes) })
    assert.ok((sent[0] ?? 0) > 15 * MIB, `${sent[0]}`)
    const files = (await listed(server)).filter(({ filename }) => filename === 'killed-client.bin')
    assert.deepEqual(
      files.map((file) => [file.url, file.sha256]),
      [[published?.url, artifact.sha256]],
    )
  })

  it('waits for a share that was killed, and goes on', { timeout: 60_000 }, async () => {
    const dataFolder = temporaryFolder()
    let share = await startServer({ dataFolder, built: true, args: quiet })
    const restarted = ['--port', `${share.port}`]
    const artifact = await makeFile('killed-share.bin', 60 * MIB)
    const args = [
      share.url,
      await makeToken(share),
      temporaryFolder(),
      artifact.path,
      artifact.sha256,
      `${artifact.sizeBytes}`,
    ]
    const program = startProgram(PROGRAM, args)
    let line = await program.line()
    while (Number(line) < 45 * MIB) line = await program.line()
    await share.kill()
    share = await startServer({ dataFolder, built: true, args: [...quiet, ...restarted] })
    // Steps back to where the new server stands, which is not the beginning.
    let previous = 0
    let wentOnAt: number | null = null
    for (; !line.startsWith('http'); line = await program.line()) {
      if (Number(line) < previous) wentOnAt ??= Number(line)
      previous = Number(line)
    }
    assert.equal(await program.ended, 0)
    assert.ok(wentOnAt !== null && wentOnAt > MIB, `${wentOnAt}`)
    const [file] = await listed(share)
    assert.deepEqual([file?.url, file?.sha256], [line, artifact.sha256])
    await share.kill()
  })

  it('ends at once when it is told to, and resumes later', async () => {
    const artifact = await makeFile('aborted.bin', 20 * MIB)
    const resumeFolder = temporaryFolder()
    const stop = new AbortController()
    const reason = new Error('enough')
    const onProgress = ({ sentBytes }: PublishProgress) => {
      if (sentBytes > 5 * MIB) stop.abort(reason)
    }
    await assert.rejects(publish([artifact], { resumeFolder, onProgress, signal: stop.signal }), reason)
    assert.equal((await publish([artifact], { resumeFolder })).length, 1)
  })
})

describe('publishing says why it fails:', () => {
  it('a wrong token', async () => {
    const artifact = await makeFile('a.bin', 10)
    await fails(publish([artifact], { token: new Secret('hf_wrong') }), /does not know the API token/)
    const resumeFolder = temporaryFolder()
    await publish([artifact], { resumeFolder })
    await fails(publish([artifact], { resumeFolder, token: new Secret('hf_wrong') }), /does not know the API token/)
  })

  it('a token that was revoked in the middle', async () => {
    const artifact = await makeFile('revoked.bin', 1000)
    const resumeFolder = temporaryFolder()
    const stop = new AbortController()
    const onProgress = () => stop.abort()
    await assert.rejects(publish([artifact], { resumeFolder, onProgress, signal: stop.signal }))
    await fails(publish([artifact], { resumeFolder, token: new Secret('hf_wrong') }), /does not know the API token/)
  })

  it('a file that is too large for the share, or for its disk', async () => {
    const artifact = await makeFile('large.bin', 101 * MIB)
    await fails(publish([artifact]), /large\.bin is too large for the share at .*104\.\d MB|larger than/)
    await using full = await startServer({ built: true, args: [...quiet, '--min-free-space', '900TB'] })
    const small = await makeFile('small.bin', 1000)
    const options = { url: full.url, token: new Secret(await makeToken(full)) }
    await fails(publish([small], options), /has no room for .*small\.bin/)
  })

  it('a file that is missing, empty, a folder, or has changed', async () => {
    const artifact = await makeFile('local.bin', 1000)
    await fails(publish([{ ...artifact, path: `${artifact.path}x` }]), /cannot be read: ENOENT/)
    await fails(publish([{ ...artifact, sizeBytes: 999 }]), /has changed since it was built/)
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'out'))
    await fails(publish([{ ...artifact, path: join(folder, 'out') }]), /is not a file/)
    truncateSync(artifact.path, 0)
    await fails(publish([{ ...artifact, sizeBytes: 0 }]), /is empty/)
  })

  it('a file with other bytes than the build made: they do not stay on the share', async () => {
    const artifact = await makeFile('changed.bin', 1000)
    const resumeFolder = temporaryFolder()
    const content = bytes(1000, 'something else')
    writeFileSync(artifact.path, content)
    await fails(publish([artifact], { resumeFolder }), /stored other bytes of .*changed\.bin/)
    assert.ok(!(await listed(server)).some(({ filename }) => filename === 'changed.bin'))
    assert.deepEqual(readdirSync(resumeFolder), [])
  })

  it('a share that is not there', async () => {
    const artifact = await makeFile('a.bin', 10)
    await fails(
      publish([artifact], { url: 'http://127.0.0.1:1' }),
      /share at http:\/\/127\.0\.0\.1:1 cannot be reached/,
    )
    await fails(publish([artifact], { url: 'files.example.org' }), /is not an address of a share/)
    await fails(publish([artifact], { url: 'ftp://files.example.org' }), /is not an address of a share/)
  })
})

describe('a share that breaks its word', () => {
  it('reports a server that stores other bytes, or forgets them', async () => {
    const artifact = await makeFile('a.bin', 10)
    let stored: object | null = null
    const removed: string[] = []
    const handler: RequestListener = (request, response) => {
      request.resume()
      response.setHeader('tus-resumable', '1.0.0')
      if (request.method === 'POST') response.writeHead(201, { location: '/api/tus/u' }).end()
      else if (request.method === 'PATCH') {
        request.on('end', () => response.writeHead(204, { 'upload-offset': 10, 'holdfast-file-id': 'f' }).end())
      } else if (request.method === 'DELETE') {
        removed.push(request.url ?? '')
        response.end()
      } else if (stored) response.end(JSON.stringify(stored))
      else response.writeHead(404).end()
    }
    await withListener(handler, async (url) => {
      await fails(publish([artifact], { url }), /has it no more/)
      stored = { id: 'f', sha256: 'f'.repeat(64), sizeBytes: 10, url: `${url}/-f` }
      await fails(publish([artifact], { url }), /stored other bytes/)
      assert.deepEqual(removed, ['/api/entry/f'])
    })
  })
})

describe('memory', () => {
  it('stays flat however big the file is', { timeout: 60_000 }, async () => {
    const path = join(temporaryFolder(), 'big.bin')
    writeFileSync(path, '')
    for (const chunk of generate(95 * MIB, 'big')) appendFileSync(path, chunk)
    const hash = await sha256(generate(95 * MIB, 'big'))
    const warm = await makeFile('warm.bin', MIB)
    await publish([warm])
    const idle = process.memoryUsage().rss
    let peak = 0
    const onProgress = () => {
      peak = Math.max(peak, process.memoryUsage().rss)
    }
    await publish([{ path, sha256: hash, sizeBytes: 95 * MIB }], { onProgress })
    assert.ok(peak > 0 && peak - idle < 60 * MIB, `${(peak - idle) / MIB} MiB more than idle`)
  })
})
