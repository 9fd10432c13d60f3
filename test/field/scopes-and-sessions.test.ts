/** What a token may do, and where the owner is logged in. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { NO_BROWSER, openPage } from '../support/browser.ts'
import { NEVER, encodeForm, formHeaders } from '../support/forms.ts'
import { postJson, startServer, type TestServer } from '../support/server.ts'

const DAY_MS = 86_400_000

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent'], built: true })
})
after(async () => server[Symbol.asyncDispose]())

async function token(body: Record<string, unknown>): Promise<string> {
  const answer = await server.owner('/api/tokens', postJson({ name: 'script', ...body }))
  assert.equal(answer.status, 200, answer.text)
  return answer.json<{ token: string }>().token
}

function as(given: string, path: string, options: RequestInit = {}) {
  return server.guest(path, {
    ...options,
    headers: { ...(options.headers as Record<string, string>), authorization: `Bearer ${given}` },
  })
}

const tus = { 'tus-resumable': '1.0.0', 'upload-length': '4', 'upload-metadata': `filename ${btoa('a')}` }

describe('a token', () => {
  it('does nothing else when it may upload', async () => {
    const given = await token({ scopes: ['upload'] })
    assert.equal((await as(given, '/api/files/a.txt', { method: 'PUT', body: 'text' })).status, 201)
    const form = {
      method: 'POST',
      body: encodeForm([{ name: 'file', filename: 'a', content: 'x' }]),
      headers: formHeaders(),
    }
    assert.equal((await as(given, `/api/entry?${NEVER}`, form)).status, 200)
    const begun = await as(given, '/api/tus/', { method: 'POST', headers: tus })
    assert.equal(begun.status, 201)
    const head = { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } }
    assert.equal((await as(given, begun.headers.get('location') ?? '', head)).status, 200)
    for (const [path, method] of [
      ['/api/files', 'GET'],
      ['/api/system', 'GET'],
      ['/api/trash', 'GET'],
      ['/api/tokens', 'GET'],
      ['/api/entry/abcdefghjk', 'DELETE'],
      ['/api/sessions', 'DELETE'],
    ] as const) {
      const answer = await as(given, path, { method })
      assert.equal(answer.status, 403, path)
      assert.match(answer.text, /needs the scope \w+ and has upload/)
    }
    assert.equal((await as(given, '/api/session')).json().isOwner, false)
  })

  it('changes nothing when it may read', async () => {
    const given = await token({ scopes: ['read'] })
    for (const path of ['/api/files', '/api/system', '/api/guest-links'])
      assert.equal((await as(given, path)).status, 200)
    assert.equal((await as(given, '/api/files/a', { method: 'PUT', body: 'x' })).status, 403)
    assert.equal((await as(given, '/api/tokens', postJson({ name: 'more' }))).status, 403)
    assert.equal((await as(given, '/api/tokens')).status, 403)
  })

  it('may do everything unless it is told, and may have several scopes', async () => {
    const all = await token({})
    assert.equal((await as(all, '/api/tokens')).status, 200)
    const both = await token({ scopes: ['upload', 'read'] })
    assert.equal((await as(both, '/api/files')).status, 200)
    assert.equal((await as(both, '/api/files/a', { method: 'PUT', body: 'x' })).status, 201)
    assert.equal((await as(both, '/api/entry/abcdefghjk', { method: 'DELETE' })).status, 403)
  })

  it('ends when it expires', async () => {
    const given = await token({ expiresAt: new Date(Date.now() + 3_600_000).toISOString() })
    assert.equal((await as(given, '/api/files')).status, 200)
    using database = server.database()
    database.prepare('update api_tokens set expires_at = ? where expires_at is not null').run(Date.now() - 1)
    assert.equal((await as(given, '/api/files')).status, 401)
  })

  it('is refused with unknown scopes, no scope, an end in the past or a misspelt member', async () => {
    for (const body of [
      { scopes: ['admin'] },
      { scopes: [] },
      { expiresAt: '2020-01-01T00:00:00Z' },
      { scope: ['upload'] },
    ]) {
      assert.equal(
        (await server.owner('/api/tokens', postJson({ name: 'a', ...body }))).status,
        400,
        JSON.stringify(body),
      )
    }
  })
})

describe('sessions', () => {
  interface Listed {
    id: string
    isCurrent: boolean
    userAgent: string | null
    clientIp: string | null
  }
  const list = async () => (await server.owner('/api/sessions')).json<{ sessions: Listed[] }>().sessions
  const login = async (agent: string) => {
    const answer = await server.guest('/api/auth', {
      ...postJson({ sharedSecretKey: server.passphrase }),
      headers: { 'user-agent': agent },
    })
    return answer.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  }
  const isIn = async (cookie: string) => (await server.guest('/api/files', { headers: { cookie } })).status === 200

  it('are listed and ended, one or all others', async () => {
    const [phone, laptop] = [await login('phone/1'), await login('laptop/1')]
    const ofPhone = (await list()).find(({ userAgent }) => userAgent === 'phone/1')
    assert.deepEqual([ofPhone?.isCurrent, ofPhone?.clientIp], [false, '127.0.0.1'])
    assert.equal((await server.owner(`/api/sessions/${ofPhone?.id}`, { method: 'DELETE' })).status, 204)
    assert.deepEqual([await isIn(phone), await isIn(laptop), await isIn(server.cookie)], [false, true, true])
    assert.equal((await server.owner('/api/sessions', { method: 'DELETE' })).status, 204)
    assert.deepEqual([await isIn(laptop), await isIn(server.cookie)], [false, true])
    assert.deepEqual(
      (await list()).map(({ isCurrent }) => isCurrent),
      [true],
    )
  })

  it('end by uptime when they began under a clock far ahead', async () => {
    const cookie = await login('future/1')
    const ends = async () => {
      const { sessions } = (await server.owner('/api/sessions')).json<{
        sessions: (Listed & { expiresAt: string })[]
      }>()
      return sessions.find(({ userAgent }) => userAgent === 'future/1')?.expiresAt
    }
    using database = server.database()
    const change = (set: string) => database.exec(`update sessions set ${set} where user_agent = 'future/1'`)
    change(`created_at = created_at + ${5 * 365 * DAY_MS}, expires_at = expires_at + ${5 * 365 * DAY_MS}`)
    assert.equal(await isIn(cookie), true)
    assert.ok(Date.parse((await ends()) ?? '') < Date.now() + 31 * DAY_MS)
    change(`began_uptime = began_uptime - ${30 * DAY_MS}`)
    assert.equal(await isIn(cookie), false)
    assert.equal(await ends(), undefined)
  })

  it('count their uptime from their next use after an older version', async () => {
    const cookie = await login('older/1')
    using database = server.database()
    database.exec("update sessions set began_uptime = null, last_used_at = null where user_agent = 'older/1'")
    assert.equal(await isIn(cookie), true)
    const row = database.prepare("select began_uptime from sessions where user_agent = 'older/1'").get()
    assert.ok(Number(row?.['began_uptime']) > 0)
  })

  it('do not hide another session behind TLS when they are over', async () => {
    await using secure = await startServer({ args: ['--behind-proxy', 'true', '--log-level', 'silent'] })
    const [, value] = secure.cookie.split('=')
    const cookie = `__Host-sharedSecret=over; sharedSecret=${value}`
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'files.example', cookie }
    assert.equal((await secure.guest('/api/files', { headers })).status, 200)
  })

  it('have a cookie behind TLS that no other host can set, and HSTS on demand', async () => {
    await using secure = await startServer({
      args: ['--behind-proxy', 'true', '--hsts', 'true', '--log-level', 'silent'],
    })
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'files.example' }
    const answer = await secure.guest('/api/auth', { ...postJson({ sharedSecretKey: secure.passphrase }), headers })
    const [cookie = ''] = answer.headers.getSetCookie()
    assert.match(cookie, /^__Host-sharedSecret=.*Path=\/;.*Secure/)
    assert.match(answer.headers.get('strict-transport-security') ?? '', /^max-age=\d+$/)
    const listed = await secure.guest('/api/files', { headers: { ...headers, cookie: cookie.split(';')[0] ?? '' } })
    assert.equal(listed.status, 200)
    assert.equal(listed.headers.get('cross-origin-resource-policy'), 'same-origin')
  })
})

describe('the settings page', { skip: NO_BROWSER }, () => {
  it('makes a token that may only upload, and ends other logins', async () => {
    const other = await server.guest('/api/auth', postJson({ sharedSecretKey: server.passphrase }))
    assert.equal(other.status, 200)
    await using opened = await openPage(server.url)
    const { page } = opened
    const [name = '', value = ''] = server.cookie.split('=')
    await page.context().addCookies([{ name, value, url: server.url }])
    await page.goto(`${server.url}/settings`)
    await page.getByLabel('Name of a new token').fill('camera')
    await page.getByLabel('It may do').selectOption('upload')
    await page.getByLabel('It expires').selectOption('30')
    await page.getByRole('button', { name: 'Create' }).click()
    const made = await page.locator('.secret').innerText()
    await page.getByRole('button', { name: 'Done' }).click()
    await page.getByText(/upload only · created .* · expires/).waitFor()
    assert.equal((await as(made, '/api/files')).status, 403)
    await page.getByRole('button', { name: 'End all others' }).click()
    await page.getByText('All other logins have ended.').waitFor()
    const { sessions } = (await server.owner('/api/sessions')).json<{ sessions: unknown[] }>()
    assert.equal(sessions.length, 1)
  })
})
