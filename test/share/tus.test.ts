/** The protocol of resumable uploads, over real sockets. What crashes do to them stands in tus-crash.test.ts. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Upload } from 'tus-js-client'
import { bytes, generate, sha256, sha256Of, stream } from '../support/bytes.ts'
import { RawConnection } from '../support/forms.ts'
import { postJson, startServer, eventually, type FileView, type TestServer } from '../support/server.ts'
import {
  arrived,
  beginUpload,
  fileId,
  guestLink,
  metadata,
  OCTETS,
  offsetOf,
  patch,
  startPatch,
  tus,
} from '../support/tus.ts'

const MIB = 2 ** 20
const MAX = 400 * MIB

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'warn', '--max-file-size', `${MAX}`] })
})
after(async () => server[Symbol.asyncDispose]())

const fileOf = async (id: string) => (await server.owner(`/api/files/${id}`)).json<FileView>()
const partials = () => readdirSync(join(server.dataFolder, 'uploads'))

describe('a resumable upload', () => {
  it('becomes a file when its last byte has come, whatever the parts', async () => {
    const content = bytes(3 * MIB + 17, 'parts')
    for (const sizes of [[content.length], [1, 1, 1], [MIB, 65_536, 2 * MIB], [content.length - 1, 1]]) {
      const path = await beginUpload(server, content.length, { filename: 'parts.bin', filetype: 'text/x-parts' })
      let offset = 0
      let answer = await tus(server, 'HEAD', path)
      for (const size of [...sizes, Infinity]) {
        if (offset === content.length) break
        const part = content.subarray(offset, Math.min(offset + size, content.length))
        answer = await patch(server, path, offset, part)
        assert.equal(answer.status, 204, answer.text)
        offset += part.length
        assert.equal(answer.headers.get('upload-offset'), `${offset}`)
        assert.equal(answer.headers.get('tus-resumable'), '1.0.0')
        assert.equal(await offsetOf(server, path), offset)
      }
      const file = await fileOf(fileId(answer))
      assert.deepEqual([file.filename, file.contentType, file.sizeBytes], ['parts.bin', 'text/x-parts', content.length])
      assert.equal(file.sha256, await sha256Of(content))
      assert.equal(await sha256Of((await server.guest(`/-${file.id}/parts.bin`)).bytes), file.sha256)
      assert.equal(fileId(await tus(server, 'HEAD', path)), file.id, 'who lost the last answer can ask again')
      assert.equal(fileId(await patch(server, path, content.length, '')), file.id)
    }
    assert.deepEqual(partials(), [])
  })

  it('comes with its creation, in chunks of no told length too', async () => {
    const content = bytes(2 * MIB, 'together')
    for (const body of [content, stream([content.subarray(0, 1000), content.subarray(1000)])]) {
      const headers = {
        'upload-length': `${content.length}`,
        'upload-metadata': metadata({ filename: 'x' }),
        'content-type': OCTETS,
      }
      const answer = await tus(server, 'POST', '/api/tus/', { headers, body, duplex: 'half' })
      assert.equal(answer.status, 201, answer.text)
      assert.equal(answer.headers.get('upload-offset'), `${content.length}`)
      assert.equal((await fileOf(fileId(answer))).sha256, await sha256Of(content))
    }
  })

  it('takes what the other forms take: note, expiration, limit, passphrase, any name', async () => {
    const filename = 'Größe "1" – 図面, final (2)\u{1F4BE}.pdf'
    const expiration = new Date(Date.now() + 86_400_000).toISOString()
    const given = { filename, note: 'für Ada', expiration, maxDownloads: '3', downloadPassphrase: 'open sesame' }
    const path = await beginUpload(server, 4, given)
    const shown = (await tus(server, 'HEAD', path)).headers.get('upload-metadata') ?? ''
    assert.ok(shown.includes(`filename ${Buffer.from(filename).toString('base64')}`))
    assert.ok(!shown.includes('downloadPassphrase'), shown)
    const file = await fileOf(fileId(await patch(server, path, 0, 'text')))
    assert.deepEqual(
      [file.filename, file.note, file.expiresAt, file.maxDownloads, file.hasPassphrase],
      [filename, 'für Ada', expiration, 3, true],
    )
  })

  it('keeps what has arrived when the connection is cut, and hashes on', async () => {
    const content = bytes(MIB, 'cut')
    const path = await beginUpload(server, content.length)
    let offset = 0
    for (const size of [100_000, 1, 300_000]) {
      const connection = startPatch(server, path, offset, content.length - offset)
      connection.socket.write(content.subarray(offset, offset + size))
      await arrived(server, offset + size)
      connection.socket.destroy()
      await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 0)
      offset += size
      assert.equal(await offsetOf(server, path), offset)
    }
    const answer = await patch(server, path, offset, content.subarray(offset))
    assert.equal((await fileOf(fileId(answer))).sha256, await sha256Of(content))
  })

  it('is given up by DELETE, in the middle of a part too, and leaves nothing', async () => {
    const others = partials().length
    const path = await beginUpload(server, 1000)
    const connection = startPatch(server, path, 0, 1000)
    connection.socket.write('some')
    await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 1)
    assert.equal((await tus(server, 'DELETE', path)).status, 204)
    await connection.closed
    for (const method of ['HEAD', 'DELETE']) assert.equal((await tus(server, method, path)).status, 404)
    assert.equal((await patch(server, path, 4, 'x')).status, 404)
    assert.equal(partials().length, others)
  })

  it('can be driven by a client that knows neither PATCH nor DELETE', async () => {
    const override = (path: string, method: string, body = '') =>
      tus(server, 'POST', path, {
        headers: { 'x-http-method-override': method, 'upload-offset': '0', 'content-type': OCTETS },
        body,
      })
    assert.ok(fileId(await override(await beginUpload(server, 4), 'PATCH', 'text')))
    assert.equal((await override(await beginUpload(server, 4), 'DELETE')).status, 204)
    assert.equal((await override(await beginUpload(server, 4), 'PUT')).status, 400)
  })

  it('can be watched from its creation to its end, over all its parts', async () => {
    const path = await beginUpload(server, 3000, { upload: 'watched-tus' })
    const watching = new RawConnection(
      server,
      'GET /api/uploads/watched-tus/events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    )
    await patch(server, path, 0, bytes(1000))
    await eventually(() => /event: progress\ndata: \{[^\n]*"bytes":1000,"total":3000,/.test(watching.received))
    const id = fileId(await patch(server, path, 1000, bytes(2000)))
    const events = await watching.closed
    assert.match(events, new RegExp(`event: complete\\ndata: \\{[^\\n]*"file_id":"${id}"[^\\n]*"bytes":3000,`))
  })

  it('works with tus-js-client, whose parts are as small as it likes', async () => {
    const content = bytes(2 * MIB + 5, 'tus-js-client')
    const id = await new Promise<string>((resolve, reject) => {
      const upload = new Upload(content, {
        endpoint: `${server.url}/api/tus/`,
        chunkSize: 300_000,
        headers: { cookie: server.cookie },
        metadata: { filename: 'by a library.bin', filetype: 'application/x-thing' },
        onError: reject,
        onSuccess: ({ lastResponse }) => resolve(lastResponse.getHeader('holdfast-file-id') ?? ''),
      })
      upload.start()
    })
    const file = await fileOf(id)
    assert.deepEqual([file.filename, file.sha256], ['by a library.bin', await sha256Of(content)])
  })

  it('uses constant memory for 200 MB in many parts', async () => {
    const size = 200_000_000
    const warm = await beginUpload(server, 4 * MIB)
    assert.equal((await patch(server, warm, 0, stream(generate(4 * MIB)))).status, 204)
    const idle = server.memory('VmRSS')
    const path = await beginUpload(server, size, { filename: 'big' })
    const content = generate(size, 'big')[Symbol.iterator]()
    const PART = 2_097_152
    let answer = await tus(server, 'HEAD', path)
    for (let offset = 0; offset < size; offset += PART) {
      const part = Buffer.concat(Array.from({ length: 8 }, () => content.next().value ?? Buffer.alloc(0)))
      answer = await patch(server, path, offset, part)
      assert.equal(answer.status, 204, answer.text)
    }
    assert.equal((await fileOf(fileId(answer))).sha256, await sha256(generate(size, 'big')))
    const grown = server.memory('VmHWM') - idle
    // The bar of bin/holdfast, with its Node flags, is lower; this one tells flat from growing.
    assert.ok(grown < 120_000_000, `${grown} bytes more than idle`)
  })
})

describe('refused', () => {
  const create = (length: string | null, fields: string | null, more: Record<string, string> = {}) =>
    tus(server, 'POST', '/api/tus/', {
      headers: {
        ...(length !== null && { 'upload-length': length }),
        ...(fields !== null && { 'upload-metadata': fields }),
        ...more,
      },
    })
  const named = metadata({ filename: 'a' })

  it('a creation that is malformed, and says why', async () => {
    const cases: [string | null, string | null, RegExp, Record<string, string>?][] = [
      [null, named, /Upload-Length: it is missing/],
      [null, named, /Upload-Defer-Length: "2" is not 1/, { 'upload-defer-length': '2' }],
      ['4', named, /contradicts Upload-Length/, { 'upload-defer-length': '1' }],
      ['-1', named, /whole number/],
      ['1e3', named, /whole number/],
      ['9007199254740993', named, /whole number/],
      ['4', null, /has no 'filename'/],
      ['4', 'filename', /filename: it is empty/],
      ['4', 'filename YQ==,filename Yg==', /twice/],
      ['4', 'filename a b', /not a key and a value/],
      ['4', 'filename /w==', /not UTF-8/],
      ['4', metadata({ filename: '../a' }), /filename/],
      ['4', metadata({ filename: 'a', expiration: 'soon' }), /expiration/],
      ['4', metadata({ filename: 'a', note: '<script>' }), /note/],
      ['4', metadata({ filename: 'a', maxDownloads: '0' }), /maxDownloads/],
      ['4', metadata({ filename: 'a', upload: 'x' }), /invalid upload/],
      ['4', metadata({ filename: 'a', x: 'x'.repeat(8000) }), /longer than/],
    ]
    for (const [length, fields, message, more] of cases) {
      const answer = await create(length, fields, more)
      assert.equal(answer.status, 400, `${message} ${answer.text}`)
      assert.match(answer.text, message)
    }
    assert.equal((await create(`${MAX + 1}`, named)).status, 413)
  })

  it('a client of another version, or of none', async () => {
    for (const version of ['0.2.2', '']) {
      const answer = await server.owner('/api/tus/', { method: 'POST', headers: { 'tus-resumable': version } })
      assert.equal(answer.status, 412)
      assert.equal(answer.headers.get('tus-version'), '1.0.0')
    }
    assert.equal((await server.owner('/api/tus/', { method: 'POST' })).status, 412)
  })

  it('whoever is not the owner', async () => {
    const path = await beginUpload(server, 4)
    const headers = { 'tus-resumable': '1.0.0', 'upload-length': '4', 'upload-metadata': named }
    for (const [method, url] of [
      ['POST', '/api/tus/'],
      ['HEAD', path],
      ['PATCH', path],
      ['DELETE', path],
    ] as const) {
      assert.equal((await server.guest(url, { method, headers })).status, 401, `${method} ${url}`)
    }
    const foreign = await tus(server, 'POST', '/api/tus/', { headers: { origin: 'https://evil.example' } })
    assert.equal(foreign.status, 403)
  })

  it('a part that does not fit: offset, length, type, an upload that is not there', async () => {
    const path = await beginUpload(server, 10)
    assert.equal((await patch(server, path, 0, '12345')).status, 204)
    for (const offset of [0, 4, 6, 10]) {
      const answer = await patch(server, path, offset, 'xxx')
      assert.equal(answer.status, 409)
      assert.match(answer.text, /stands at byte 5, not/)
    }
    assert.equal((await patch(server, path, 5, '123456')).status, 413)
    assert.equal((await patch(server, path, 5, stream([Buffer.from('123456')]))).status, 413)
    const headers = { 'upload-offset': '5', 'content-type': 'text/plain' }
    assert.equal((await tus(server, 'PATCH', path, { headers, body: 'xx' })).status, 415)
    const noOffset = { 'content-type': OCTETS }
    assert.equal((await tus(server, 'PATCH', path, { headers: noOffset, body: 'xx' })).status, 400)
    assert.equal((await patch(server, `${path}x`, 0, 'x')).status, 404)
    assert.equal(await offsetOf(server, path), 5)
    const whole = fileId(await patch(server, path, 5, '67890'))
    assert.equal((await fileOf(whole)).sha256, await sha256Of(Buffer.from('1234567890')))
    assert.equal((await patch(server, path, 10, 'x')).status, 413)
    assert.equal((await patch(server, path, 5, '67890')).status, 409)
  })

  it('a second part while one is on its way', async () => {
    const path = await beginUpload(server, 10)
    const first = startPatch(server, path, 0, 10)
    first.socket.write('1234')
    await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 1)
    const second = await patch(server, path, 0, '1234567890')
    assert.equal(second.status, 423)
    first.socket.write('567890')
    await eventually(() => first.statuses[0] === 204)
    first.socket.destroy()
    assert.ok(fileId(await tus(server, 'HEAD', path)))
  })

  it('says what it can do', async () => {
    const answer = await server.guest('/api/tus/', { method: 'OPTIONS' })
    assert.equal(answer.status, 204)
    assert.equal(answer.headers.get('tus-version'), '1.0.0')
    assert.equal(answer.headers.get('tus-max-size'), `${MAX}`)
    assert.equal(
      answer.headers.get('tus-extension'),
      'creation,creation-with-upload,creation-defer-length,checksum,concatenation,expiration,termination',
    )
  })
})

describe("a guest's resumable upload", () => {
  const guest = async (method: string, path: string, headers: Record<string, string>, body?: string) =>
    server.guest(path, { method, headers: { 'tus-resumable': '1.0.0', ...headers }, ...(body && { body }) })
  const creation = (length: number, fields: Record<string, string> = {}) => ({
    'upload-length': `${length}`,
    'upload-metadata': metadata({ filename: 'g.txt', ...fields }),
  })
  const part = { 'upload-offset': '0', 'content-type': OCTETS }

  it('goes by its link and within its limits', async () => {
    const id = await guestLink(server, { maxFileBytes: MIB, maxFileUploads: 1 })
    const doors = `/api/guest/${id}/tus/`
    assert.equal((await guest('POST', doors, creation(MIB + 1))).status, 413)
    assert.equal((await guest('POST', doors, creation(4, { note: 'hello' }))).status, 400)
    const first = (await guest('POST', doors, creation(4))).headers.get('location') ?? ''
    const second = await guest('POST', doors, creation(4))
    assert.equal(second.status, 429, 'one is on its way')
    assert.ok(first.startsWith(doors))
    const done = await guest('PATCH', first, part, 'text')
    assert.equal(done.status, 204, done.text)
    const file = await fileOf(fileId(done))
    assert.equal(file.guestLink?.id, id)
    assert.ok(Date.parse(file.expiresAt ?? '') < Date.now() + 49 * 3_600_000)
    assert.equal(fileId(await guest('HEAD', first, {})), file.id, 'but its last answer can be asked for again')
    assert.equal((await guest('POST', doors, creation(4))).status, 401)
  })

  it('is refused when its link is removed while it begins, and leaves nothing', async () => {
    const env = { NODE_OPTIONS: `--import ${import.meta.resolve('../helpers/slow-disk.ts')}` }
    await using slow = await startServer({ args: ['--log-level', 'error'], env })
    const given = { urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '48h' }
    const { id } = (await slow.owner('/api/guest-links', postJson(given))).json<{ id: string }>()
    const watching = new RawConnection(slow, 'GET /api/uploads/too-late-1/events HTTP/1.1\r\nHost: a\r\n\r\n')
    const headers = { 'tus-resumable': '1.0.0', ...creation(4, { upload: 'too-late-1' }) }
    const creating = slow.guest(`/api/guest/${id}/tus/`, { method: 'POST', headers })
    await eventually(() => watching.received.includes('event: progress'))
    await slow.owner(`/api/guest-links/${id}`, { method: 'DELETE' })
    assert.equal((await creating).status, 401)
    assert.deepEqual(readdirSync(join(slow.dataFolder, 'uploads')), [])
    assert.equal(slow.log, '')
    watching.socket.destroy()
  })

  it('is out of reach through another link, without its link, and when its link is disabled or gone', async () => {
    const [id, other] = [await guestLink(server, {}), await guestLink(server, {})]
    const path = (await guest('POST', `/api/guest/${id}/tus/`, creation(4))).headers.get('location') ?? ''
    const upload = path.split('/').at(-1) ?? ''
    assert.equal((await guest('HEAD', `/api/guest/${other}/tus/${upload}`, {})).status, 404)
    assert.equal((await tus(server, 'HEAD', `/api/tus/${upload}`)).status, 404)
    const owners = (await beginUpload(server, 4)).split('/').at(-1) ?? ''
    assert.equal((await guest('PATCH', `/api/guest/${id}/tus/${owners}`, part, 'text')).status, 404)
    await server.owner(`/api/guest-links/${id}/disable`, { method: 'PUT' })
    assert.equal((await guest('PATCH', path, part, 'text')).status, 401)
    await server.owner(`/api/guest-links/${id}`, { method: 'DELETE' })
    assert.equal((await guest('PATCH', path, part, 'text')).status, 404)
  })
})
