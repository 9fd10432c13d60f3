/** Connections that are slow on purpose are ended; ones that are slow but move are not. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { bytes } from '../support/bytes.ts'
import { RawConnection, requestHead } from '../support/forms.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--idle-timeout', '4s', '--log-level', 'silent'] })
})
after(async () => server[Symbol.asyncDispose]())

/** Closed in time, whatever is sent meanwhile every 500 ms. */
async function isEnded(connection: RawConnection, drip: string, deadlineMs: number): Promise<boolean> {
  const end = performance.now() + deadlineMs
  while (performance.now() < end && !connection.socket.destroyed && !connection.socket.readableEnded) {
    if (drip) connection.socket.write(drip)
    await sleep(500)
  }
  const ended = connection.socket.destroyed || connection.socket.readableEnded
  connection.socket.destroy()
  return ended
}

describe('connections', { concurrency: true }, () => {
  it('are ended when their headers come a byte at a time', async () => {
    assert.ok(await isEnded(new RawConnection(server, 'GET / HTTP/1.1\r\nHost: a\r\nX: '), 'x', 30_000))
  })

  it('are ended when nothing comes', async () => {
    assert.ok(await isEnded(new RawConnection(server, ''), '', 20_000))
    assert.ok(await isEnded(new RawConnection(server, 'GET / HT'), '', 20_000))
  })

  it('are ended when their upload stops, and the upload fails', async () => {
    const connection = new RawConnection(
      server,
      requestHead(server, 'PUT /api/files/a?upload=stopped-here', ['Content-Length: 100']),
    )
    connection.socket.write('x')
    assert.ok(await isEnded(connection, '', 20_000))
    assert.match((await server.guest('/api/uploads/stopped-here/events')).text, /event: failed/)
  })

  it('are kept while a slow upload moves', async () => {
    const connection = new RawConnection(
      server,
      requestHead(server, 'PUT /api/files/slow', ['Content-Length: 13', 'Accept: application/json']),
    )
    for (let sent = 0; sent < 13; sent++) {
      connection.socket.write('x')
      await sleep(500)
    }
    await eventually(() => connection.statuses.length > 0)
    assert.deepEqual(connection.statuses, [201])
    connection.socket.destroy()
  })

  it('are kept while a slow download moves', async () => {
    const { id } = await server.put('big', bytes(12_000_000))
    const connection = new RawConnection(server, `GET /-${id} HTTP/1.1\r\nHost: a\r\n\r\n`)
    for (let round = 0; round < 8; round++) {
      connection.socket.pause()
      await sleep(700)
      connection.socket.resume()
      await sleep(5)
    }
    await eventually(() => connection.received.length > 12_000_000)
    connection.socket.destroy()
  })
})
