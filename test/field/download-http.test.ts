/** Details of HTTP that download clients rely on. */
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import { startServer, type FileView, type TestServer } from '../support/server.ts'

let server: TestServer
let file: FileView
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent', '--fsync', 'false'] })
  file = await server.put('a.txt', 'hello world')
})
after(async () => server[Symbol.asyncDispose]())

it('ignores Range in HEAD requests', async () => {
  for (const range of ['bytes=0-4', 'bytes=999-']) {
    const answer = await server.guest(`/-${file.id}`, { method: 'HEAD', headers: { range } })
    assert.deepEqual([answer.status, answer.headers.get('content-length')], [200, '11'], range)
  }
})

it('honours If-Match and If-Unmodified-Since', async () => {
  const get = async (headers: Record<string, string>) => (await server.guest(`/-${file.id}`, { headers })).status
  assert.equal(await get({ 'if-match': `"${file.sha256}"` }), 200)
  assert.equal(await get({ 'if-match': '*' }), 200)
  assert.equal(await get({ 'if-match': '"other"' }), 412)
  assert.equal(await get({ 'if-match': `W/"${file.sha256}"` }), 412)
  assert.equal(await get({ 'if-unmodified-since': new Date(0).toUTCString() }), 412)
  assert.equal(await get({ 'if-unmodified-since': new Date(Date.now() + 1e6).toUTCString() }), 200)
  assert.equal(await get({ 'if-match': '"other"', range: 'bytes=0-3' }), 412)
})

it('ignores a condition that is not a date', async () => {
  const get = async (headers: Record<string, string>) => (await server.guest(`/-${file.id}`, { headers })).status
  for (const date of ['0', '3000', 'tomorrow', '2094-11-06T08:49:37Z']) {
    assert.equal(await get({ 'if-modified-since': date }), 200, date)
    assert.equal(await get({ 'if-unmodified-since': date }), 200, date)
  }
  for (const date of ['Sun, 07 Nov 2094 08:49:37 GMT', 'Sun Nov  7 08:49:37 2094'])
    assert.equal(await get({ 'if-modified-since': date }), 304, date)
})

it('follows a doubled slash before a link to that link only', async () => {
  for (const [path, location] of [
    [`//-${file.id}`, `/-${file.id}`],
    [`///-${file.id}/a.txt?download`, `/-${file.id}/a.txt?download`],
  ] as const) {
    const response = await fetch(server.url + path, { redirect: 'manual' })
    assert.deepEqual([response.status, response.headers.get('location')], [301, location])
  }
  assert.equal((await fetch(`${server.url}//evil.example`, { redirect: 'manual' })).status, 404)
})

it('takes the unit of Range in any case', async () => {
  for (const range of ['Bytes=0-4', 'BYTES=-5']) {
    const answer = await server.guest(`/-${file.id}`, { headers: { range } })
    assert.equal(answer.status, 206, range)
    assert.equal(answer.text.length, 5)
  }
})
