/** Files with a passphrase: who must give it, what it opens, how guessing is slowed. */
import assert from 'node:assert/strict'
import { after, beforeEach, describe, it } from 'node:test'
import { postForm } from '../support/forms.ts'
import { postJson, putJson, startServer, type TestServer } from '../support/server.ts'

const PASSPHRASE = 'öffne dich 😀'

let server: TestServer
beforeEach(async () => {
  // Wrong guesses are counted, so each test has a server of its own. Its time does not go on: that would forgive some.
  await server?.[Symbol.asyncDispose]()
  server = await startServer({ env: { NODE_OPTIONS: `--import ${import.meta.resolve('../helpers/still-clock.ts')}` } })
})
after(async () => server[Symbol.asyncDispose]())

async function locked(): Promise<string> {
  const parts = [
    { name: 'file', filename: 'a.txt', content: 'secret text' },
    { name: 'downloadPassphrase', content: PASSPHRASE },
  ]
  const answer = await postForm(server, parts)
  assert.equal(answer.status, 200)
  return answer.json<{ id: string }>().id
}

function unlock(id: string, passphrase: string) {
  return server.guest(`/-${id}/unlock`, { method: 'POST', body: new URLSearchParams({ passphrase }) })
}

async function cookieFor(id: string): Promise<string> {
  const answer = await unlock(id, PASSPHRASE)
  assert.equal(answer.status, 303)
  assert.equal(answer.headers.get('location'), `/-${id}`)
  return answer.headers.getSetCookie()[0] ?? ''
}

describe('a file with a passphrase', () => {
  it('sends strangers to the page that asks for it', async () => {
    const id = await locked()
    for (const path of [`/-${id}`, `/-${id}/a.txt`, `/!${id}`, `/-${id}?download`]) {
      for (const [method, given] of [
        ['GET', {}],
        ['HEAD', {}],
        ['GET', { range: 'bytes=0-3' }],
        ['GET', { 'if-none-match': '*' }],
      ] as const) {
        const answer = await server.guest(path, { method, headers: { ...given, accept: 'text/html' } })
        assert.equal(answer.status, 302, `${method} ${path}`)
        assert.equal(answer.headers.get('location'), `/-${id}/unlock`)
        assert.equal(answer.headers.get('cache-control'), 'no-store')
        assert.doesNotMatch(answer.text + answer.headers.get('content-disposition'), /secret|a\.txt/)
      }
    }
    const page = await server.guest(`/-${id}/unlock`)
    assert.equal(page.status, 200)
    assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    assert.equal(page.headers.get('cache-control'), 'no-store')
    assert.match(page.text, /<form method="post">/)
  })

  it('opens for its owner without it', async () => {
    const id = await locked()
    assert.equal((await server.owner(`/-${id}`)).text, 'secret text')
  })

  it('opens by the cookie that the right passphrase gives, and only that file', async () => {
    const [id, other] = [await locked(), await locked()]
    const setCookie = await cookieFor(id)
    assert.match(setCookie, /; HttpOnly/i)
    assert.match(setCookie, /; SameSite=(Lax|Strict)/i)
    assert.match(setCookie, new RegExp(`; Path=/-${id}(;|$)`, 'i'))
    const cookie = setCookie.split(';')[0] ?? ''
    const opened = await server.guest(`/-${id}`, { headers: { cookie } })
    assert.deepEqual([opened.status, opened.text], [200, 'secret text'])
    assert.equal(opened.headers.get('cache-control'), 'no-store')
    assert.equal((await server.guest(`/-${id}`, { headers: { cookie, range: 'bytes=0-5' } })).text, 'secret')
    assert.equal((await server.guest(`/-${other}`, { headers: { cookie } })).status, 401)
    const stolen = cookie.replace(id, other)
    assert.equal((await server.guest(`/-${other}`, { headers: { cookie: stolen } })).status, 401)
    const [name, value = ''] = cookie.split('=')
    const [until, signature] = value.split('.')
    for (const forged of [
      `${Number(until) + 1}.${signature}`,
      `${until}.`,
      `.${signature}`,
      '',
      'NaN.x',
      `Infinity.${signature}`,
    ]) {
      assert.equal((await server.guest(`/-${id}`, { headers: { cookie: `${name}=${forged}` } })).status, 401, forged)
    }
  })

  it('closes to the old cookie when its passphrase changes', async () => {
    const id = await locked()
    const cookie = (await cookieFor(id)).split(';')[0] ?? ''
    await server.owner(`/api/entry/${id}`, putJson({ filename: 'a.txt', downloadPassphrase: 'another' }))
    assert.equal((await server.guest(`/-${id}`, { headers: { cookie } })).status, 401)
    assert.equal((await unlock(id, PASSPHRASE)).status, 401)
    assert.equal((await unlock(id, 'another')).status, 303)
    await server.owner(`/api/entry/${id}`, putJson({ filename: 'a.txt', downloadPassphrase: null }))
    assert.equal((await server.guest(`/-${id}`)).text, 'secret text')
    assert.equal((await server.guest(`/-${id}/unlock`)).headers.get('location'), `/-${id}`)
    assert.equal((await unlock(id, 'anything')).headers.get('location'), `/-${id}`)
  })

  it('refuses a wrong or empty passphrase with 401', async () => {
    const id = await locked()
    const wrong = await unlock(id, 'wrong <b>')
    assert.equal(wrong.status, 401)
    assert.deepEqual(wrong.headers.getSetCookie(), [])
    assert.match(wrong.text, /role="alert"/)
    assert.doesNotMatch(wrong.text, /<b>/)
    assert.equal((await server.guest(`/-${id}/unlock`, { method: 'POST' })).status, 401)
    assert.equal((await server.guest(`/-${id}/unlock`, postJson({ passphrase: 5 }))).status, 401)
    assert.equal((await server.guest(`/-${id}/unlock`, postJson([]))).status, 401)
  })

  it('slows guessing down, for the right one too', async () => {
    const id = await locked()
    const statuses = []
    for (let guess = 0; guess < 6; guess++) statuses.push((await unlock(id, `guess ${guess}`)).status)
    assert.deepEqual(statuses, [401, 401, 401, 401, 401, 429])
    const waiting = await unlock(id, PASSPHRASE)
    assert.equal(waiting.status, 429)
    assert.ok(Number(waiting.headers.get('retry-after')) >= 1)
  })

  it('takes any way to write the same letters', async () => {
    const id = await locked()
    assert.equal((await unlock(id, PASSPHRASE.normalize('NFD'))).status, 303)
  })

  it('keeps its passphrase out of the database and the log', async () => {
    const id = await locked()
    await server.put('raw.txt', 'text')
    const raw = await server.owner('/api/files/b.txt', {
      method: 'PUT',
      body: 'x',
      headers: { 'x-download-passphrase': encodeURIComponent(PASSPHRASE), accept: 'application/json' },
    })
    assert.equal(raw.json().hasPassphrase, true)
    await unlock(id, PASSPHRASE)
    using database = server.database()
    const row = JSON.stringify(database.prepare('select * from files').all())
    assert.match(row, /scrypt\$/)
    assert.ok(
      !row.includes(PASSPHRASE) &&
        !server.log.includes(PASSPHRASE) &&
        !server.log.includes(encodeURIComponent(PASSPHRASE)),
    )
    assert.equal(
      (await server.owner('/api/files/b', { method: 'PUT', body: 'x', headers: { 'x-download-passphrase': '%zz' } }))
        .status,
      400,
    )
  })
})
