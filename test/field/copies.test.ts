/** Copies out of our hands: caches and search engines. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { freePort } from '../../src/lab/machines/free-port.ts'
import {
  eventually,
  postJson,
  startServer,
  temporaryFolder,
  type FileView,
  type TestServer,
} from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent', '--fsync', 'false'] })
})
after(async () => server[Symbol.asyncDispose]())

describe('Cache-Control', () => {
  it('keeps shared caches away from files', async () => {
    const { id } = await server.put('a.txt', 'text')
    const { id: limited } = await server.put('a.txt', 'text', '?maxDownloads=9')
    assert.equal((await server.guest(`/-${id}`)).headers.get('cache-control'), 'private, no-cache')
    assert.equal((await server.guest(`/-${limited}`)).headers.get('cache-control'), 'no-store')
  })

  it('is no-store on every answer of the API', async () => {
    for (const path of [
      '/api/files',
      '/api/tokens',
      '/api/guest-links',
      '/api/session',
      '/api/settings',
      '/-abcdefghjk',
      '/api/nothing',
    ]) {
      assert.equal((await server.owner(path)).headers.get('cache-control'), 'no-store', path)
    }
    const made = await server.owner('/api/tokens', postJson({ name: 'a' }))
    assert.equal(made.headers.get('cache-control'), 'no-store')
  })
})

describe('search engines', () => {
  it('are told to keep out', async () => {
    assert.match((await server.guest('/robots.txt')).text, /^User-agent: \*\nDisallow: \//)
    const { id } = await server.put('a.txt', 'text')
    for (const path of [`/-${id}`, '/', '/g/abcdefghjkmnpqrs', '/login', '/api/files']) {
      assert.match((await server.guest(path)).headers.get('x-robots-tag') ?? '', /noindex/, path)
    }
  })
})

const VARNISH = '/usr/sbin/varnishd'
const isVarnishThere = spawnSync(VARNISH, ['-V']).error === undefined

describe('Varnish with its default configuration', { skip: !isVarnishThere && 'varnish is not installed' }, () => {
  it('neither hides downloads from the count nor serves deleted files', async () => {
    const folder = temporaryFolder()
    const port = await freePort()
    const config = join(folder, 'default.vcl')
    writeFileSync(config, `vcl 4.1; backend default { .host = "127.0.0.1"; .port = "${server.port}"; }`)
    const args = [
      '-F',
      '-f',
      config,
      '-a',
      `127.0.0.1:${port}`,
      '-n',
      join(folder, 'work'),
      '-s',
      'malloc,16m',
      '-j',
      'none',
    ]
    const varnish = spawn(VARNISH, args, { stdio: 'ignore' })
    try {
      const through = async (path: string, agent = 'a') =>
        await fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'user-agent': agent } }).then(async (answer) => {
          await answer.arrayBuffer()
          return answer.status
        })
      await eventually(async () => (await through('/api/health').catch(() => 0)) === 200)
      const { id } = await server.put('a.txt', 'text', '?maxDownloads=2')
      assert.deepEqual(
        [await through(`/-${id}`, 'a'), await through(`/-${id}`, 'b'), await through(`/-${id}`, 'c')],
        [200, 200, 410],
      )
      assert.equal((await server.owner(`/api/files/${id}`)).json<FileView>().downloadCount, 2)
      const { id: deleted } = await server.put('b.txt', 'text')
      assert.equal(await through(`/-${deleted}`), 200)
      await server.owner(`/api/entry/${deleted}`, { method: 'DELETE' })
      assert.equal(await through(`/-${deleted}`), 404)
    } finally {
      varnish.kill('SIGTERM')
      await once(varnish, 'exit')
    }
  })
})
