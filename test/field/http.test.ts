/** Details of HTTP below the routes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { brotliDecompressSync } from 'node:zlib'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent'] })
})
after(async () => server[Symbol.asyncDispose]())

async function exchange(text: string, halfClose = false): Promise<string> {
  const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk))
  socket.on('error', () => {})
  socket.write(text)
  if (halfClose) socket.end()
  await once(socket, 'end')
  socket.destroy()
  return received
}

describe('a client that closes its side after its request', () => {
  it('is answered', async () => {
    const { id } = await server.put('a.txt', 'hello half-closed')
    const answer = await exchange(`GET /-${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`, true)
    assert.match(answer, /^HTTP\/1\.1 200 OK\r\n/)
    assert.match(answer, /hello half-closed$/)
  })
})

describe('what the parser refuses', () => {
  for (const [what, request, status, code] of [
    ['no HTTP', 'NONSENSE\r\n\r\n', 400, 'INVALID_REQUEST'],
    [
      'large headers',
      `GET / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
  ] as const) {
    it(`has the form of all errors: ${what}`, async () => {
      const answer = await exchange(request)
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `))
      assert.match(answer, /x-content-type-options: nosniff/i)
      assert.match(answer, /cache-control: no-store/i)
      if (code === 'HEADERS_TOO_LARGE')
        assert.match(answer, /\{"error":\{"code":"HEADERS_TOO_LARGE","message":"[^"]+"\}\}$/)
      else assert.match(answer, /\r\n\r\nthe request is not valid HTTP\n$/)
    })
  }
})

describe('a request that cannot be read, behind a download', () => {
  it('leaves the bytes of the file alone', async () => {
    const { id } = await server.put('big.bin', 'a'.repeat(30_000_000))
    const socket = connect({ port: server.port, host: '127.0.0.1' })
    socket.on('error', () => {})
    socket.write(`GET /-${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await once(socket, 'readable')
    socket.write('NONSENSE\r\n\r\n')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).resume()
    await once(socket, 'close')
    const received = Buffer.concat(chunks)
    const body = received.subarray(received.indexOf('\r\n\r\n') + 4).toString('latin1')
    assert.match(received.toString('latin1', 0, 20), /^HTTP\/1\.1 200 OK/)
    assert.match(body, /^a*$/)
  })
})

describe('what Node would answer by itself', () => {
  it('has the form of all errors: no Host', async () => {
    const answer = await exchange('GET /api/health HTTP/1.1\r\nAccept: application/json\r\nConnection: close\r\n\r\n')
    assert.match(answer, /^HTTP\/1\.1 400 /)
    assert.match(answer, /x-content-type-options: nosniff/i)
    assert.match(answer, /"code":"INVALID_REQUEST","message":"the request has no Host header"/)
  })

  it('is answered as if it had not been there: an unknown Expect', async () => {
    const request = 'GET /api/health HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nConnection: close\r\n\r\n'
    assert.match(await exchange(request), /^HTTP\/1\.1 200 OK\r\n/)
  })
})

describe('scripts and styles', () => {
  it('go compressed to clients that accept it', async () => {
    const page = await server.guest('/')
    const path = /src="(\/assets\/[^"]+\.js)"/.exec(page.text)?.[1] ?? ''
    const plain = await server.guest(path, { headers: { 'accept-encoding': 'identity' } })
    assert.equal(plain.headers.get('content-encoding'), null)
    const answer = await exchange(
      `GET ${path} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip, br\r\nConnection: close\r\n\r\n`,
    )
    assert.match(answer, /content-encoding: br\r\n/i)
    assert.match(answer, /vary: accept-encoding/i)
    const body = Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1')
    assert.ok(brotliDecompressSync(body).equals(plain.bytes))
    assert.ok(body.length < plain.bytes.length / 2)
  })
})
