/** The address as the client sees it, behind the proxies that people run. */
import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { freePort } from '../../src/lab/machines/free-port.ts'
import { NO_BROWSER, openPage } from '../support/browser.ts'
import { encodeForm, formHeaders } from '../support/forms.ts'
import {
  eventually,
  postJson,
  startServer,
  temporaryFolder,
  type FileView,
  type TestServer,
} from '../support/server.ts'

/** Sends a request byte by byte. @returns all that comes back. */
async function raw(server: TestServer, text: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk))
  socket.write(text)
  await once(socket, 'close')
  return received
}

describe('behind a trusted proxy', () => {
  let server: TestServer
  let id: string
  before(async () => {
    server = await startServer({ args: ['--behind-proxy', 'true', '--log-level', 'silent'] })
    id = (await server.put('a.txt', 'text')).id
  })
  after(async () => server[Symbol.asyncDispose]())

  const urlFor = async (headers: Record<string, string>) =>
    (await server.owner(`/api/files/${id}`, { headers })).json<FileView>().url

  it('builds links from the forwarded headers, in lists, in any case, with ports', async () => {
    for (const [headers, base] of [
      [{ 'x-forwarded-host': 'files.example' }, 'https://files.example'],
      [{ 'x-forwarded-host': 'files.example:8443', 'x-forwarded-proto': 'HTTPS' }, 'https://files.example:8443'],
      [{ 'x-forwarded-host': 'files.example:443', 'x-forwarded-proto': 'https, http' }, 'https://files.example'],
      [{ 'x-forwarded-host': 'a.example, b.example', 'x-forwarded-proto': 'http' }, 'http://a.example'],
      [{ 'x-forwarded-host': 'a.example', 'x-forwarded-proto': 'javascript' }, 'https://a.example'],
      [{ 'x-forwarded-host': 'a b<x>', 'x-forwarded-proto': 'http' }, server.url],
      [{ 'x-forwarded-host': 'a.example', 'x-forwarded-prefix': '/share/' }, 'https://a.example/share'],
      [{ 'x-forwarded-host': 'a.example', 'x-forwarded-prefix': '//evil.example' }, 'https://a.example'],
    ] as const) {
      assert.equal(await urlFor(headers), `${base}/-${id}`, JSON.stringify(headers))
    }
  })

  it('strips ports and brackets from addresses, and ignores garbage', async () => {
    const { id: seen } = await server.put('seen.txt', 'text')
    for (const [given, address] of [
      ['203.0.113.9:40001', '203.0.113.9'],
      ['[2001:db8::1]:4711', '2001:db8::1'],
      ['2001:db8::2', '2001:db8::2'],
      ['::ffff:192.0.2.7', '192.0.2.7'],
      ['192.0.2.1, 192.0.2.2', '192.0.2.2'],
      ['not an address', '127.0.0.1'],
    ] as const) {
      await server.guest(`/-${seen}`, {
        headers: { 'x-forwarded-for': given, 'user-agent': given, 'x-forwarded-proto': 'https' },
      })
      const { downloads } = (await server.owner(`/api/files/${seen}/downloads`)).json<{
        downloads: { clientIp: string; userAgent: string }[]
      }>()
      assert.equal(downloads.find(({ userAgent }) => userAgent === given)?.clientIp, address, given)
    }
  })

  it('does not let the cookie of another app at the root lock out the owner', async () => {
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-prefix': '/share' }
    const [, token = ''] = server.cookie.split('=')
    const cookie = `__Host-sharedSecret=of-another-app; sharedSecret=${token}`
    assert.equal((await server.guest('/api/files', { headers: { ...headers, cookie } })).status, 200)
  })

  it('slows down guesses from any port', async () => {
    const guess = (port: number) =>
      server.guest('/api/auth', {
        ...postJson({ sharedSecretKey: `wrong ${port}` }),
        headers: { 'x-forwarded-for': `203.0.113.77:${port}` },
      })
    const statuses = []
    for (let port = 40_000; port < 40_007; port++) statuses.push((await guess(port)).status)
    assert.ok(statuses.includes(429), statuses.join())
  })

  it('sends people without TLS to TLS, but not programs', async () => {
    const headers = { 'x-forwarded-proto': 'http', 'x-forwarded-host': 'files.example' }
    for (const path of ['/', `/-${id}?download`, '/files']) {
      const answer = await server.guest(path, { headers })
      assert.deepEqual([answer.status, answer.headers.get('location')], [301, `https://files.example${path}`])
    }
    assert.equal((await server.guest('/api/health', { headers })).status, 200)
    assert.equal((await server.owner('/api/files', { headers })).status, 200)
  })
})

describe('a public URL', () => {
  it('wins over every header, with its path', async () => {
    const env = { HOLDFAST_PUBLIC_URL: 'https://example.org/share/' }
    await using server = await startServer({ args: ['--behind-proxy', 'true', '--log-level', 'silent'], env })
    const headers = { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'http', 'x-forwarded-prefix': '/other' }
    const { id } = await server.put('a.txt', 'text')
    assert.equal(
      (await server.owner(`/api/files/${id}`, { headers })).json<FileView>().url,
      `https://example.org/share/-${id}`,
    )
    for (const path of [`/share/-${id}`, `/-${id}`])
      assert.equal((await server.guest(path, { headers })).text, 'text', path)
    const page = await server.guest('/share/')
    assert.match(page.text, /src="\/share\/assets\//)
    assert.match(page.text, /data-base-path="\/share"/)
    const login = await server.guest('/share/api/auth', postJson({ sharedSecretKey: server.passphrase }))
    assert.match(login.headers.getSetCookie().join(), /Path=\/share\/?;.*Secure/)
    const tus = await server.owner('/api/tus/', {
      method: 'POST',
      headers: { 'tus-resumable': '1.0.0', 'upload-length': '1', 'upload-metadata': `filename ${btoa('a')}` },
    })
    assert.match(tus.headers.get('location') ?? '', /^\/share\/api\/tus\//)
  })

  it('is refused at the start when it is not a URL', async () => {
    for (const url of ['files.example', 'ftp://files.example', 'https://files.example/?a=b']) {
      const started = startServer({ env: { HOLDFAST_PUBLIC_URL: url } })
      await assert.rejects(started, /"code":78/, url)
    }
  })
})

describe('the Host of a request', () => {
  it('is the listening address when HTTP/1.0 lacks it', async () => {
    await using server = await startServer({ args: ['--log-level', 'silent'] })
    const head = `PUT /api/files/a.txt HTTP/1.0\r\nCookie: ${server.cookie}\r\nContent-Length: 4\r\n\r\ntext`
    assert.match(await raw(server, head), new RegExp(`http://127\\.0\\.0\\.1:${server.port}/-\\w{10}`))
  })

  it('is 400 when doubled or malformed', async () => {
    await using server = await startServer({ args: ['--log-level', 'silent'] })
    for (const lines of ['Host: a\r\nHost: b', 'Host: a b<x>', 'Host: user@a', 'Host: a/b']) {
      assert.match(
        await raw(server, `GET / HTTP/1.1\r\n${lines}\r\nConnection: close\r\n\r\n`),
        /^HTTP\/1\.1 400 /,
        lines,
      )
    }
  })
})

describe('a page of another site', () => {
  it('may not use a session, and may post to a guest link', async () => {
    await using server = await startServer({ args: ['--log-level', 'silent'] })
    const link = { urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '720h' }
    const { id } = (await server.owner('/api/guest-links', postJson(link))).json<{ id: string }>()
    const headers = { origin: 'https://other.example', 'sec-fetch-site': 'cross-site' }
    const body = encodeForm([{ name: 'file', filename: 'a', content: 'x' }])
    const sent = await server.owner(`/api/guest/${id}`, {
      method: 'POST',
      body,
      headers: { ...formHeaders(), ...headers },
    })
    assert.equal(sent.status, 200)
    for (const [path, options] of [
      ['/api/files/a', { method: 'PUT', body: 'x' }],
      ['/api/auth', postJson({ sharedSecretKey: server.passphrase })],
      ['/api/auth', { method: 'DELETE' }],
    ] as const) {
      assert.equal((await server.owner(path, { ...options, headers })).status, 403, path)
      const own = { origin: 'http://127.0.0.1:9', 'sec-fetch-site': 'same-origin' }
      assert.ok((await server.owner(path, { ...options, headers: own })).status < 300, path)
    }
  })
})

/** Proxies with the shortest configuration that a person would write, each at the root and under a path. */
const PROXIES = {
  nginx: {
    program: '/usr/sbin/nginx',
    config: (
      port: number,
      upstream: string,
      folder: string,
      path: string,
    ) => `daemon off; master_process off; pid ${folder}/pid;
      error_log ${folder}/error.log; user root; events {}
      http { access_log off; client_max_body_size 0; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
        .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
        .join(' ')}
        server { listen 127.0.0.1:${port}; location ${path} { proxy_pass ${upstream}${path}; ${
          path === '/' ? '' : `proxy_set_header X-Forwarded-Prefix ${path};`
        } } } }`,
    args: (file: string) => ['-c', file],
  },
  caddy: {
    program: '/usr/bin/caddy',
    config: (port: number, upstream: string, _folder: string, path: string) =>
      path === '/'
        ? `{\nadmin off\nauto_https off\n}\nhttp://127.0.0.1:${port} {\nreverse_proxy ${upstream}\n}\n`
        : `{\nadmin off\nauto_https off\n}\nhttp://127.0.0.1:${port} {\nhandle_path /share/* {\nreverse_proxy ${upstream}\n}\n}\n`,
    args: (file: string) => ['run', '--config', file, '--adapter', 'caddyfile'],
  },
}

for (const [name, { program, config, args }] of Object.entries(PROXIES)) {
  const isThere = spawnSync(program, ['version']).error === undefined
  describe(`behind ${name}`, { skip: (!isThere && `${name} is not installed`) || NO_BROWSER }, () => {
    for (const path of ['/', '/share/']) {
      it(`a browser logs in and uploads at ${path}`, async () => {
        const port = await freePort()
        const url = `http://127.0.0.1:${port}${path}`
        const env: Record<string, string> = path === '/' ? {} : { HOLDFAST_PUBLIC_URL: url }
        await using server = await startServer({ env, built: true, args: ['--log-level', 'silent'] })
        const folder = temporaryFolder()
        mkdirSync(join(folder, 'caddy'))
        const file = join(folder, 'config')
        writeFileSync(file, config(port, server.url, folder, path))
        const home = { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
        const proxy = spawn(program, args(file), { stdio: 'ignore', env: { ...process.env, ...home } })
        try {
          await eventually(async () => (await fetch(`${url}api/health`).catch(() => null))?.ok)
          await useApp(url, server)
        } finally {
          await end(proxy)
        }
      })
    }
  })
}

async function useApp(url: string, server: TestServer): Promise<void> {
  await using opened = await openPage(new URL(url).origin)
  const { page } = opened
  await page.goto(`${url}login`)
  await page.getByLabel('Passphrase').fill(server.passphrase)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { name: 'Upload' }).waitFor()
  await page
    .locator('input[type=file]')
    .first()
    .setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('hello') })
  const link = page.locator(`a[href^="${url}-"]`).first()
  await link.waitFor()
  const answer = await fetch((await link.getAttribute('href')) ?? '')
  assert.equal(await answer.text(), 'hello')
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
