/** Logging in, API tokens, and what closes the door to guessing and to other sites. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { encodeForm, formHeaders, NEVER } from '../support/forms.ts'
import { postJson, putJson, startServer, type RequestOptions, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer()
})
after(async () => server[Symbol.asyncDispose]())

const login = (sharedSecretKey: unknown, headers: Record<string, string> = {}, at = server) => {
  const options = postJson({ sharedSecretKey })
  return at.guest('/api/auth', { ...options, headers: { ...(options.headers as Record<string, string>), ...headers } })
}

describe('logging in', () => {
  it("sets PicoShare's cookie", async () => {
    const answer = await login(server.passphrase)
    assert.deepEqual([answer.status, answer.text], [200, ''])
    const [cookie = '', ...more] = answer.headers.getSetCookie()
    assert.equal(more.length, 0)
    const [pair, ...attributes] = cookie.split('; ')
    assert.match(pair ?? '', /^sharedSecret=[\w-]{40,}$/)
    assert.deepEqual(attributes.toSorted(), ['HttpOnly', 'Max-Age=2592000', 'Path=/', 'SameSite=Strict'])
  })

  it('gives each login a session of its own, and ends only that', async () => {
    const cookies = [await server.login(), await server.login()] as const
    assert.notEqual(cookies[0], cookies[1])
    const isOwner = async (cookie: string) =>
      (await server.guest('/api/session', { headers: { cookie } })).json().isOwner
    assert.deepEqual([await isOwner(cookies[0]), await isOwner(cookies[1]), await isOwner('')], [true, true, false])
    const out = await server.guest('/api/auth', { method: 'DELETE', headers: { cookie: cookies[0] } })
    assert.deepEqual([out.status, out.text], [200, ''])
    assert.match(out.headers.getSetCookie()[0] ?? '', /^sharedSecret=; .*Expires=Thu, 01 Jan 1970/)
    assert.deepEqual([await isOwner(cookies[0]), await isOwner(cookies[1])], [false, true])
    assert.equal((await server.guest('/api/files', { headers: { cookie: cookies[0] } })).status, 401)
  })

  it('is 400 without a secret, 401 with a wrong one', async () => {
    await using fresh = await startServer()
    for (const wrong of ['', null, undefined, 5, ['a'], {}]) assert.equal((await login(wrong, {}, fresh)).status, 400)
    for (const wrong of [`${fresh.passphrase} `, fresh.passphrase.toUpperCase(), 'x']) {
      const answer = await login(wrong, {}, fresh)
      assert.equal(answer.status, 401)
      assert.deepEqual(answer.headers.getSetCookie(), [])
    }
  })

  it('outlives a restart, but not a new passphrase', async () => {
    const first = await startServer()
    const { dataFolder, cookie } = first
    await first.stop()
    const second = await startServer({ dataFolder })
    assert.equal((await second.guest('/api/files', { headers: { cookie } })).status, 200)
    await second.stop()
    await using third = await startServer({ dataFolder, passphrase: 'a new one' })
    assert.equal((await third.guest('/api/files', { headers: { cookie } })).status, 401)
  })

  it('leaves no cookie in the database that could be used', async () => {
    const value = server.cookie.split('=')[1] ?? ''
    assert.ok(value.length > 40)
    assert.ok(!databaseBytes().includes(value))
  })
})

function databaseBytes(of = server): string {
  const files = readdirSync(of.dataFolder).filter((name) => name.startsWith('holdfast.db'))
  assert.ok(files.length > 0)
  return files.map((name) => readFileSync(join(of.dataFolder, name), 'latin1')).join('')
}

describe('guessing the passphrase', () => {
  let guarded: TestServer
  beforeEach(async () => {
    await guarded?.[Symbol.asyncDispose]()
    // Its time does not go on: that would forgive guesses.
    const env = { NODE_OPTIONS: `--import ${import.meta.resolve('../helpers/still-clock.ts')}` }
    guarded = await startServer({ args: ['--behind-proxy', 'true'], env })
  })
  after(async () => guarded[Symbol.asyncDispose]())

  const from = (address: string, secret: string) => login(secret, { 'x-forwarded-for': address }, guarded)

  it('is slowed down per address, for the right one too', async () => {
    for (let guess = 0; guess < 5; guess++) assert.equal((await from('192.0.2.1', `${guess}`)).status, 401)
    const answer = await from('192.0.2.1', guarded.passphrase)
    assert.equal(answer.status, 429)
    assert.ok(Number(answer.headers.get('retry-after')) >= 1)
    assert.equal((await from('192.0.2.2', guarded.passphrase)).status, 200)
  })

  it('is slowed down side by side too', async () => {
    const answers = await Promise.all(Array.from({ length: 30 }, (_, guess) => from('192.0.2.3', `${guess}`)))
    assert.equal(answers.filter(({ status }) => status === 401).length, 5)
    assert.equal(answers.filter(({ status }) => status === 429).length, 25)
  })

  it("is not made quicker by an address of one's own choice", async () => {
    const statuses = []
    for (let guess = 0; guess < 6; guess++)
      statuses.push((await from(`198.51.100.${guess}, 192.0.2.4`, `${guess}`)).status)
    assert.equal(statuses.at(-1), 429)
  })

  it('is forgotten when the right one is given', async () => {
    for (let round = 0; round < 3; round++) {
      for (let guess = 0; guess < 3; guess++) await from('192.0.2.5', `${guess}`)
      assert.equal((await from('192.0.2.5', guarded.passphrase)).status, 200)
    }
  })
})

describe('without a proxy', () => {
  it('ignores forwarded headers', async () => {
    await using plain = await startServer()
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'evil.example', 'x-forwarded-for': '192.0.2.9' }
    assert.doesNotMatch((await login(plain.passphrase, headers, plain)).headers.getSetCookie()[0] ?? '', /Secure/)
    const file = await plain.put('a.txt', 'text')
    assert.equal((await plain.owner(`/api/files/${file.id}`, { headers })).json().url, `${plain.url}/-${file.id}`)
    await plain.guest(`/-${file.id}`, { headers })
    const { downloads } = (await plain.owner(`/api/files/${file.id}/downloads`)).json<{
      downloads: { clientIp: string }[]
    }>()
    assert.equal(downloads[0]?.clientIp, '127.0.0.1')
  })
})

describe('behind a proxy', () => {
  it('makes cookies Secure, and uses the client’s links and addresses', async () => {
    await using proxied = await startServer({ args: ['--behind-proxy', 'true'] })
    const headers = {
      'x-forwarded-proto': 'https',
      'x-forwarded-host': 'files.example',
      'x-forwarded-for': '192.0.2.9',
    }
    const [cookie = ''] = (await login(proxied.passphrase, headers, proxied)).headers.getSetCookie()
    assert.match(cookie, /; Secure/)
    const options: RequestOptions = {
      method: 'PUT',
      body: 'text',
      headers: { ...headers, cookie: cookie.split(';')[0] ?? '', origin: 'https://files.example' },
    }
    const { text } = await proxied.guest('/api/files/a.txt', options)
    assert.match(text, /^https:\/\/files\.example\/-\w{10}\r\n$/)
    const http = await login(proxied.passphrase, { ...headers, 'x-forwarded-proto': 'http' }, proxied)
    assert.doesNotMatch(http.headers.getSetCookie()[0] ?? '', /Secure/)
  })
})

describe('an API token', () => {
  const bearer = (token: string): RequestOptions => ({ headers: { authorization: `Bearer ${token}` } })
  const create = async (name: string) => {
    const answer = await server.owner('/api/tokens', postJson({ name }))
    assert.equal(answer.status, 200, answer.text)
    return answer.json<{ id: string; name: string; token: string }>()
  }
  const tokens = async () => (await server.owner('/api/tokens')).json<{ tokens: Record<string, unknown>[] }>().tokens

  it('stands in for a login until it is revoked', async () => {
    const { id, token } = await create('  script ')
    assert.match(token, /^hf_[\w-]{40,}$/)
    for (const scheme of ['Bearer', 'bearer']) {
      assert.equal((await server.guest('/api/files', { headers: { authorization: `${scheme} ${token}` } })).status, 200)
    }
    const put = await server.guest('/api/files/a.txt', { method: 'PUT', body: 'text', ...bearer(token) })
    assert.equal(put.status, 201)
    const listed = (await tokens()).find((candidate) => candidate.id === id)
    assert.equal(listed?.name, 'script')
    assert.ok(listed.lastUsedAt)
    assert.ok(!JSON.stringify(listed).includes(token.slice(3)))
    for (let round = 0; round < 2; round++)
      assert.equal((await server.owner(`/api/tokens/${id}`, { method: 'DELETE' })).status, 204)
    assert.equal((await server.guest('/api/files', bearer(token))).status, 401)
    assert.ok(!(await tokens()).some((candidate) => candidate.id === id))
  })

  it('is nowhere in the database or the log', async () => {
    const { token } = await create('hidden')
    await server.guest('/api/files', bearer(token))
    await server.guest('/api/files?limit=x', bearer(token))
    const everything = databaseBytes() + server.log + server.program.stdout
    assert.ok(everything.includes('hidden'))
    assert.ok(!everything.includes(token) && !everything.includes(token.slice(3)))
    assert.ok(!everything.includes(Buffer.from(token).toString('base64')))
  })

  it('needs a name', async () => {
    for (const name of ['', '   ', undefined, 5, 'x'.repeat(101)]) {
      assert.equal((await server.owner('/api/tokens', postJson({ name }))).status, 400)
    }
  })

  it('is refused when wrong, whatever cookie comes with it', async () => {
    const { token } = await create('almost')
    for (const wrong of [`${token}x`, token.slice(0, -1), 'hf_', token.toUpperCase(), "' or 1=1 --"]) {
      assert.equal((await server.owner('/api/files', bearer(wrong))).status, wrong.includes(' ') ? 200 : 401, wrong)
    }
    for (const authorization of [`Basic ${token}`, token, `Bearer  ${token}x`]) {
      assert.equal((await server.guest('/api/files', { headers: { authorization } })).status, 401)
    }
  })
})

describe('requests from other sites', () => {
  const changes: [string, string, RequestOptions?][] = [
    ['POST', '/api/auth', postJson({ sharedSecretKey: 'x' })],
    ['DELETE', '/api/auth'],
    [
      'POST',
      `/api/entry?${NEVER}`,
      { body: encodeForm([{ name: 'file', filename: 'a', content: 'b' }]), headers: formHeaders() },
    ],
    ['PUT', '/api/files/a.txt', { body: 'text' }],
    ['PUT', '/api/entry/abcdefghjk', putJson({ filename: 'a' })],
    ['DELETE', '/api/entry/abcdefghjk'],
    ['POST', '/api/guest-links', postJson({})],
    ['POST', '/api/auth', postJson({ sharedSecretKey: 'x' })],
    ['DELETE', '/api/auth'],
    ['PUT', '/api/settings', putJson({})],
    ['POST', '/api/tokens', postJson({ name: 'a' })],
  ]
  const send = (method: string, path: string, options: RequestOptions | undefined, headers: Record<string, string>) =>
    server.owner(path, { method, ...options, headers: { ...(options?.headers as Record<string, string>), ...headers } })

  for (const [method, path, options] of changes) {
    it(`${method} ${path} is 403`, async () => {
      const elsewhere: Record<string, string>[] = [
        { origin: 'https://evil.example' },
        { origin: 'null' },
        { origin: `http://127.0.0.1:${server.port + 1}` },
        { origin: `http://127.0.0.1:${server.port}.evil.example` },
        { origin: 'nonsense' },
        { 'sec-fetch-site': 'cross-site' },
        { 'sec-fetch-site': 'same-site' },
      ]
      for (const headers of elsewhere) {
        assert.equal((await send(method, path, options, headers)).status, 403, JSON.stringify(headers))
      }
    })
  }

  it('pass from our own site, without a browser, and with a token', async () => {
    const { token } = (await server.owner('/api/tokens', postJson({ name: 'csrf' }))).json<{ token: string }>()
    const ours: Record<string, string>[] = [
      {},
      { origin: server.url },
      { origin: server.url, 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
    ]
    for (const headers of ours)
      assert.equal((await send('PUT', '/api/files/a', { body: 'x' }, headers)).status, 201, JSON.stringify(headers))
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    const answer = await server.guest('/api/files/a', {
      method: 'PUT',
      body: 'x',
      headers: { ...foreign, authorization: `Bearer ${token}` },
    })
    assert.equal(answer.status, 201)
    assert.equal((await send('GET', '/api/files', {}, foreign)).status, 200)
    assert.equal(
      (await server.guest('/api/files', { headers: foreign })).headers.get('access-control-allow-origin'),
      null,
    )
  })
})

describe('every answer', () => {
  it('has safe headers, errors too', async () => {
    for (const path of [
      '/api/health',
      '/nothing',
      '/api/files',
      '/-abcdefghjk',
      '/api/entry',
      '/metrics',
      '/-abcdefghjk/unlock',
    ]) {
      const { headers } = await server.guest(path)
      assert.equal(headers.get('x-content-type-options'), 'nosniff', path)
      assert.equal(headers.get('x-frame-options'), 'DENY', path)
      assert.match(headers.get('content-security-policy') ?? '', /sandbox|default-src 'none'/, path)
      assert.ok(headers.get('referrer-policy'), path)
      assert.equal(headers.get('x-powered-by'), null)
    }
  })
})

describe('the log', () => {
  it('has a line of JSON for each request and no secret', async () => {
    await using logged = await startServer({ args: ['--log-level', 'trace'] })
    const { token } = (await logged.owner('/api/tokens', postJson({ name: 'x' }))).json<{ token: string }>()
    await login('a wrong guess', {}, logged)
    await logged.guest('/api/files?search=private', { headers: { authorization: `Bearer ${token}` } })
    await logged.guest(`/api/auth`, { method: 'POST', body: `{"sharedSecretKey":"${logged.passphrase}"` })
    await logged.stop()
    const lines = logged.log.split('\n').filter((line) => line.startsWith('{'))
    const requests = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg }) => msg === 'request')
    assert.equal(requests.length, 5)
    for (const line of requests)
      assert.ok(line.reqId && line.method && line.path && line.status && typeof line.ms === 'number')
    for (const secret of [logged.passphrase, token, 'a wrong guess', logged.cookie.split('=')[1] ?? '-']) {
      assert.ok(!logged.log.includes(secret), secret)
      assert.ok(!logged.program.stdout.includes(secret), secret)
    }
  })
})
