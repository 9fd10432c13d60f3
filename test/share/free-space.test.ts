/**
 * A disk that is too small: refused before the body is sent where that can be known, and in the middle where it
 * cannot.
 */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { withSmallDisk as onSmallDisk } from '../helpers/small-disk.ts'
import { bytes, generate, sha256Of, stream } from '../support/bytes.ts'
import { BOUNDARY, NEVER, postForm, RawConnection, requestHead } from '../support/forms.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'
import { beginUpload, fileId, offsetOf, patch, tus } from '../support/tus.ts'

const MB = 1_000_000
const HUGE = 2 ** 50

describe('an upload that cannot fit', () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
  })
  after(async () => server[Symbol.asyncDispose]())

  const requests = {
    'PUT /api/files/huge': [],
    'POST /api/tus/': ['Tus-Resumable: 1.0.0', `Upload-Length: ${HUGE}`, 'Upload-Metadata: filename YQ=='],
    [`POST /api/entry?${NEVER}`]: [`Content-Type: multipart/form-data; boundary=${BOUNDARY}`],
  }
  for (const [request, headers] of Object.entries(requests)) {
    it(`is 507 before its body is sent: ${request}`, async () => {
      for (const expect of [[], ['Expect: 100-continue']]) {
        const head = requestHead(server, request, [
          ...headers,
          `Content-Length: ${HUGE}`,
          'Accept: application/json',
          ...expect,
        ])
        const connection = new RawConnection(server, head)
        await eventually(() => connection.received.includes('}}'))
        assert.deepEqual(connection.statuses, [507])
        assert.match(connection.received, /"code":"NO_SPACE","message":"[^"]*\d GB is available/)
        connection.socket.destroy()
      }
      assert.deepEqual(readdirSync(join(server.dataFolder, 'uploads')), [])
    })
  }

  it('gives 100 Continue only when the body is wanted', async () => {
    const send = async (request: string, lines: string[], expected: number[]) => {
      const connection = new RawConnection(server, requestHead(server, request, ['Expect: 100-continue', ...lines]))
      await eventually(() => connection.statuses.length > 0)
      if (connection.statuses[0] === 100) connection.socket.write('text')
      await eventually(() => connection.statuses.length >= expected.length)
      assert.deepEqual(connection.statuses, expected, request)
      connection.socket.destroy()
    }
    await send('PUT /api/files/a.txt', ['Content-Length: 4'], [100, 201])
    await send('PUT /api/files/%01', ['Content-Length: 4'], [400])
    await send('PUT /api/files/a?expiration=soon', ['Content-Length: 4'], [400])
    await send(
      'POST /api/entry',
      ['Content-Length: 4', `Content-Type: multipart/form-data; boundary=${BOUNDARY}`],
      [400],
    )
    await send('PUT /api/files/a.txt', ['Content-Length: 4', 'Authorization: Bearer wrong'], [401])
    await send('PUT /api/files/a.txt', ['Content-Length: 4', 'Origin: https://evil.example'], [403])
    await send('PUT /nowhere', ['Content-Length: 4'], [404])
    await send('POST /api/guest/abcdefghjkmnpqrs', ['Content-Length: 4'], [404])
    await send('PUT /api/settings', ['Content-Length: 4', 'Content-Type: application/json'], [100, 400])
  })

  it('is not promised the space of another', async () => {
    const { availableForUploadsBytes: available } = (await server.owner('/api/system')).json<{
      availableForUploadsBytes: number
    }>()
    const size = Math.floor(available * 0.7)
    const begin = () =>
      new RawConnection(server, requestHead(server, 'PUT /api/files/big', [`Content-Length: ${size}`]))
    const first = begin()
    first.socket.write('x')
    await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 1)
    const second = begin()
    await eventually(() => second.statuses.length > 0)
    assert.deepEqual(second.statuses, [507])
    first.socket.destroy()
    await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 0)
    const third = begin()
    third.socket.write('x')
    await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 1)
    assert.deepEqual(third.statuses, [])
    third.socket.destroy()
    second.socket.destroy()
  })
})

async function withSmallDisk(
  t: { skip(why: string): void },
  options: string,
  body: (server: TestServer) => Promise<void>,
) {
  await onSmallDisk(t, options, async (folder) => {
    const dataFolder = join(folder, 'data')
    mkdirSync(dataFolder)
    await using server = await startServer({ dataFolder, args: ['--min-free-space', '0', '--sweep-interval', '1h'] })
    await body(server)
  })
}

const files = (server: TestServer, folder: string) =>
  readdirSync(join(server.dataFolder, folder), { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  )

describe('a disk that fills up', () => {
  it('ends an upload midway with 507, keeps the others, and works again after a deletion', async (t) => {
    await withSmallDisk(t, 'size=40m', async (server) => {
      const kept = await server.put('kept.bin', bytes(15 * MB))
      const answers = [
        await server.owner('/api/files/big', { method: 'PUT', body: stream(generate(60 * MB)), duplex: 'half' }),
        await server.owner(`/api/entry?${NEVER}`, {
          method: 'POST',
          headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
          body: stream(endlessForm()),
          duplex: 'half',
        }),
      ]
      for (const answer of answers) {
        assert.equal(answer.status, 507, answer.text)
        assert.match(answer.text, /disk is full/)
      }
      assert.deepEqual(files(server, 'uploads'), [])
      assert.equal(files(server, 'files').length, 1)
      assert.equal(await sha256Of((await server.guest(`/-${kept.id}`)).bytes), kept.sha256)
      assert.equal((await server.owner('/api/files/told', { method: 'PUT', body: bytes(30 * MB) })).status, 507)
      assert.equal((await server.list()).total, 1)
      assert.equal((await server.owner(`/api/entry/${kept.id}`, { method: 'DELETE' })).status, 200)
      assert.equal((await server.put('again.bin', bytes(30 * MB))).sizeBytes, 30 * MB)
    })
  })

  function* endlessForm() {
    yield Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="big"\r\n\r\n`)
    yield* generate(60 * MB)
  }

  it('leaves a resumable upload at its offset, which resumes when there is space', async (t) => {
    await withSmallDisk(t, 'size=40m', async (server) => {
      assert.equal((await patch(server, await beginUpload(server, 4), 0, 'warm')).status, 204)
      const content = bytes(30 * MB, 'resumed')
      const path = await beginUpload(server, content.length)
      const refused = { 'upload-length': `${60 * MB}`, 'upload-metadata': `filename ${btoa('a')}` }
      assert.equal((await tus(server, 'POST', '/api/tus/', { headers: refused })).status, 507)
      const ballast = join(server.dataFolder, 'ballast')
      async function* parts() {
        yield content.subarray(0, 10 * MB)
        const [part] = files(server, 'uploads')
        await eventually(() => part && statSync(join(part.parentPath, part.name)).size > 5 * MB)
        writeFileSync(ballast, Buffer.alloc(20 * MB))
        yield content.subarray(10 * MB)
      }
      const answer = await patch(server, path, 0, stream(parts()))
      assert.equal(answer.status, 507, answer.text)
      assert.match(answer.text, /disk is full: .*what had arrived is kept/)
      const offset = await offsetOf(server, path)
      assert.equal((await patch(server, path, offset, content.subarray(offset))).status, 507)
      rmSync(ballast)
      const again = await offsetOf(server, path)
      assert.equal(again, offset)
      const id = fileId(await patch(server, path, again, content.subarray(again)))
      assert.equal(await sha256Of((await server.guest(`/-${id}`)).bytes), await sha256Of(content))
      assert.deepEqual(files(server, 'uploads'), [])
    })
  })

  it('leaves the connection usable: the rest of the body is read and discarded', async (t) => {
    await withSmallDisk(t, 'size=40m', async (server) => {
      const head = requestHead(server, 'PUT /api/files/big', ['Transfer-Encoding: chunked'])
      const connection = new RawConnection(server, head)
      connection.socket.write(`${(60 * MB).toString(16)}\r\n`)
      connection.socket.write(bytes(60 * MB))
      connection.socket.write(`\r\n0\r\n\r\n${requestHead(server, 'GET /api/health', [])}`)
      await eventually(() => connection.statuses.length === 2 || connection.socket.destroyed)
      assert.deepEqual(connection.statuses, [507, 200])
      connection.socket.destroy()
    })
  })

  it('stores no row without bytes and leaves no bytes without a row', async (t) => {
    await withSmallDisk(t, 'size=12m', async (server) => {
      const ballast = join(server.dataFolder, 'ballast')
      const { availableForUploadsBytes: free } = (await server.owner('/api/system')).json<{
        availableForUploadsBytes: number
      }>()
      writeFileSync(ballast, Buffer.alloc(free - 8192))
      const statuses: number[] = []
      for (let round = 0; round < 40; round++) {
        const put = await server.owner(`/api/files/${round}`, {
          method: 'PUT',
          body: stream([bytes(100)]),
          duplex: 'half',
        })
        const form = await postForm(
          server,
          [{ name: 'file', filename: `${round}`, content: 'x' }],
          `${NEVER}&note=${'n'.repeat(400)}`,
        )
        statuses.push(put.status, form.status)
      }
      assert.ok(statuses.includes(507), `${statuses.join(' ')}\n${server.log}`)
      for (const status of statuses) assert.ok([200, 201, 507].includes(status), `${status}\n${server.log}`)
      assert.deepEqual(files(server, 'uploads'), [])
      writeFileSync(ballast, '')
      const { total } = await server.list('?limit=0')
      assert.equal(files(server, 'files').length, total)
      assert.equal(total, statuses.filter((status) => status < 300).length)
      assert.equal((await server.put('again', bytes(MB))).sizeBytes, MB)
    })
  })

  it('is 507 too without inodes, and leaves nothing', async (t) => {
    await withSmallDisk(t, 'size=40m,nr_inodes=40', async (server) => {
      const statuses: number[] = []
      for (let round = 0; round < 40; round++) {
        const answer = await server.owner(`/api/files/${round}`, { method: 'PUT', body: bytes(100) })
        statuses.push(answer.status)
      }
      assert.ok(statuses.includes(201) && statuses.includes(507))
      for (const status of statuses) assert.ok([201, 507].includes(status), `${statuses.join(' ')}\n${server.log}`)
      assert.deepEqual(files(server, 'uploads'), [])
      assert.equal(files(server, 'files').length, (await server.list()).total)
    })
  })
})
