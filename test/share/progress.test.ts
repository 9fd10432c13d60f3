/** Upload progress as server-sent events, watched from before the first byte to after the last. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { bytes } from '../support/bytes.ts'
import { RawConnection, requestHead } from '../support/forms.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'

interface Snapshot {
  id: string
  state: string
  bytes: number
  total: number | null
  bytes_per_second: number
  eta_seconds: number | null
  file_id: string | null
  error: { code: string } | null
}

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent'] })
})
after(async () => server[Symbol.asyncDispose]())

/** What a watcher has seen so far. */
class Watcher {
  readonly connection: RawConnection

  constructor(id: string) {
    this.connection = new RawConnection(
      server,
      `GET /api/uploads/${id}/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
  }

  get events(): { name: string; data: Snapshot }[] {
    return [...this.connection.received.matchAll(/event: (\w+)\ndata: (.*)\n\n/g)].map(([, name = '', data = '']) => ({
      name,
      data: JSON.parse(data) as Snapshot,
    }))
  }

  async saw(name: string): Promise<Snapshot> {
    return (await eventually(() => this.events.find((event) => event.name === name))).data
  }
}

function upload(id: string, total: number): RawConnection {
  return new RawConnection(
    server,
    requestHead(server, `PUT /api/files/watched.bin?upload=${id}`, [`Content-Length: ${total}`]),
  )
}

describe('a watcher', () => {
  it('sees the upload from its first byte to its end when it came before', async () => {
    const watcher = new Watcher('chosen-before')
    await eventually(() => watcher.connection.received.includes('text/event-stream'))
    assert.match(watcher.connection.received, /cache-control: no-store/i)
    const connection = upload('chosen-before', 3000)
    connection.socket.write(bytes(1000))
    const progress = await eventually(() => watcher.events.find(({ data }) => data.bytes === 1000)?.data)
    assert.deepEqual(
      [progress.id, progress.state, progress.total, progress.file_id, progress.error],
      ['chosen-before', 'active', 3000, null, null],
    )
    assert.ok(progress.bytes_per_second >= 0)
    connection.socket.write(bytes(2000))
    const complete = await watcher.saw('complete')
    assert.deepEqual([complete.state, complete.bytes, complete.total, complete.error], ['complete', 3000, 3000, null])
    await watcher.connection.closed
    assert.equal(watcher.events.at(-1)?.name, 'complete')
    assert.equal((await server.guest(`/-${complete.file_id}`)).bytes.length, 3000)
    const counts = watcher.events.map(({ data }) => data.bytes)
    assert.deepEqual(
      counts,
      counts.toSorted((a, b) => a - b),
    )
    connection.socket.destroy()
  })

  it('sees the end when it comes late', async () => {
    await server.put('a', 'text', '?upload=came-late')
    const { text, headers } = await server.guest('/api/uploads/came-late/events')
    assert.match(headers.get('content-type') ?? '', /^text\/event-stream/)
    assert.match(text, /^event: complete\ndata: \{.*"bytes":4,/)
    const wrong = { 'content-md5': Buffer.alloc(16).toString('base64') }
    const failed = await server.owner('/api/files/a?upload=failed-12', { method: 'PUT', body: 'x', headers: wrong })
    assert.equal(failed.status, 400)
    assert.match(
      (await server.guest('/api/uploads/failed-12/events')).text,
      /^event: failed\ndata: .*"DIGEST_MISMATCH"/,
    )
  })

  it('sees the same as other watchers', async () => {
    const watchers = Array.from({ length: 5 }, () => new Watcher('many-eyes'))
    await server.put('a', 'text', '?upload=many-eyes')
    const seen = await Promise.all(watchers.map((watcher) => watcher.saw('complete')))
    assert.equal(new Set(seen.map(({ file_id: id }) => id)).size, 1)
  })

  it('harms no other client when it goes away', async () => {
    const watcher = new Watcher('left-alone')
    const connection = upload('left-alone', 8)
    connection.socket.write('text')
    await watcher.saw('progress')
    watcher.connection.socket.destroy()
    connection.socket.write('text')
    await eventually(() => connection.statuses.length > 0)
    assert.deepEqual(connection.statuses, [201])
    connection.socket.destroy()
  })

  it('sees an upload that vanished as failed', async () => {
    const watcher = new Watcher('vanishing')
    const connection = upload('vanishing', 3000)
    connection.socket.write(bytes(1000))
    await watcher.saw('progress')
    connection.socket.destroy()
    const failed = await watcher.saw('failed')
    assert.deepEqual([failed.state, failed.file_id, failed.error?.code], ['failed', null, 'UPLOAD_INTERRUPTED'])
  })

  it('sees an upload as stalled after ten seconds without a byte, until it moves again', async () => {
    const watcher = new Watcher('standing-still')
    const connection = upload('standing-still', 3000)
    connection.socket.write(bytes(1000))
    const stalled = await watcher.saw('stalled')
    assert.deepEqual(
      [stalled.state, stalled.bytes, stalled.bytes_per_second, stalled.eta_seconds],
      ['stalled', 1000, 0, null],
    )
    connection.socket.write(bytes(1000))
    await eventually(() => watcher.events.some(({ name, data }) => name === 'progress' && data.bytes === 2000))
    connection.socket.write(bytes(1000))
    await watcher.saw('complete')
    connection.socket.destroy()
  })
})

describe('an upload id', () => {
  it('is 400 when it is not a valid id', async () => {
    for (const id of ['short', 'a'.repeat(65), 'with%20space', 'with.dots.in', '%C3%A9%C3%A9%C3%A9%C3%A9%C3%A9']) {
      assert.equal((await server.guest(`/api/uploads/${id}/events`)).status, 400, id)
      assert.equal((await server.owner(`/api/files/a?upload=${id}`, { method: 'PUT', body: 'x' })).status, 400, id)
    }
  })

  it('is 409 for another upload while one runs, and free again afterwards', async () => {
    const connection = upload('taken-already', 8)
    connection.socket.write('text')
    await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 1)
    assert.equal((await server.owner('/api/files/b?upload=taken-already', { method: 'PUT', body: 'x' })).status, 409)
    connection.socket.write('text')
    await eventually(() => connection.statuses.length > 0)
    assert.deepEqual(connection.statuses, [201])
    assert.equal((await server.owner('/api/files/b?upload=taken-already', { method: 'PUT', body: 'x' })).status, 201)
    connection.socket.destroy()
  })
})
