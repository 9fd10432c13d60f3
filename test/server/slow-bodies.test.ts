/** Bodies that come too slowly, by a clock of the test's own. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { it, type TestContext } from 'node:test'
import { fastify } from 'fastify'
import { HoldfastError } from '../../src/base/index.ts'
import { statusOf } from '../../src/server/error-codes.ts'
import { endSlowBodies } from '../../src/server/slow-bodies.ts'

const nextTurns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await nextTurn()
}

async function trickle(t: TestContext, path: string, pieces: string[], everyMs: number): Promise<string> {
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const app = fastify()
  app.decorateRequest('acceptBody', () => {})
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.setErrorHandler((error, _request, reply) =>
    reply.code(error instanceof HoldfastError ? statusOf(error.code) : 500).send('refused'),
  )
  endSlowBodies(app, 100)
  app.post('/json', async () => 'taken')
  app.post('/upload', { config: { streamsBody: true } }, async (request) => {
    request.raw.resume()
    await new Promise((resolve, reject) => request.raw.once('end', resolve).once('error', reject))
    return 'taken'
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => (received += chunk))
  const type = path === '/json' ? 'application/json' : 'application/octet-stream'
  const length = pieces.join('').length
  socket.write(`POST ${path} HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`)
  await once(app.server, 'request')
  for (const piece of pieces) {
    await nextTurns(50)
    t.mock.timers.tick(everyMs)
    await nextTurns(50)
    if (received !== '') break
    socket.write(piece)
    await nextTurns(200)
  }
  if (received === '') await once(socket, 'data')
  socket.destroy()
  await app.close()
  return received
}

it('ends a JSON body at its deadline', async (t) => {
  assert.match(await trickle(t, '/json', ['{', '"a"', ':', '1', '}'], 10_000), /^HTTP\/1\.1 408 /)
})

it('accepts a JSON body in time', async (t) => {
  assert.match(await trickle(t, '/json', ['{"a"', ':1}'], 1000), /^HTTP\/1\.1 200 /)
})

it('ends an upload of a byte a minute', async (t) => {
  assert.match(await trickle(t, '/upload', ['a', 'b', 'c', 'd'], 60_000), /^HTTP\/1\.1 408 /)
})

it('accepts an upload on a slow connection', async (t) => {
  const piece = 'x'.repeat(7000)
  assert.match(await trickle(t, '/upload', [piece, piece, piece], 59_999), /^HTTP\/1\.1 200 /)
})
