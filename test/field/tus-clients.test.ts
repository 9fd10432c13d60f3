/** What clients of tus do beyond the core of the protocol, by tus-js-client where it can. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { Upload, type UploadOptions } from 'tus-js-client'
import { bytes, sha256Of, stream } from '../support/bytes.ts'
import { RawConnection, requestHead } from '../support/forms.ts'
import { eventually, startServer, type FileView, type TestServer } from '../support/server.ts'
import { arrived, beginUpload, fileId, guestLink, metadata, OCTETS, offsetOf, startPatch, tus } from '../support/tus.ts'

const MIB = 2 ** 20

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'warn', '--max-file-size', `${64 * MIB}`] })
})
after(async () => server[Symbol.asyncDispose]())

type Headers = Record<string, string>

const partials = () => readdirSync(join(server.dataFolder, 'uploads')).length
const fileOf = async (id: string) => (await server.owner(`/api/files/${id}`)).json<FileView>()

async function begin(fields: Record<string, string>, headers: Headers = {}, path = '/api/tus/') {
  const given = { 'upload-length': '4', 'upload-metadata': metadata(fields), ...headers }
  return await tus(server, 'POST', path, { headers: given })
}

async function patch(path: string, offset: number, body: string | Buffer<ArrayBuffer>, headers: Headers = {}) {
  const all = { 'upload-offset': `${offset}`, 'content-type': OCTETS, ...headers }
  return await tus(server, 'PATCH', path, { headers: all, body })
}

/** Uploads with tus-js-client. @returns the file. */
async function upload(content: Buffer | Readable, options: UploadOptions): Promise<FileView> {
  const id = await new Promise<string>((resolve, reject) => {
    const task = new Upload(content, {
      endpoint: `${server.url}/api/tus/`,
      retryDelays: null,
      onError: reject,
      onSuccess: ({ lastResponse }) => resolve(lastResponse.getHeader('holdfast-file-id') ?? ''),
      ...options,
      headers: { cookie: server.cookie, ...options.headers },
    })
    task.start()
  })
  return await fileOf(id)
}

describe('the address of uploads', () => {
  it('has a slash at its end or not, for the owner and for guests', async () => {
    const link = await guestLink(server, {})
    for (const path of ['/api/tus', `/api/guest/${link}/tus`]) {
      for (const url of [path, `${path}/`]) {
        assert.equal((await server.guest(url, { method: 'OPTIONS' })).status, 204, url)
        const created = await begin({ filename: 'a' }, {}, url)
        assert.equal(created.status, 201, created.text)
        assert.ok(created.headers.get('location')?.startsWith(`${path}/`))
      }
    }
    const file = await upload(bytes(1000), { endpoint: `${server.url}/api/tus`, metadata: { filename: 'no-slash' } })
    assert.equal(file.sizeBytes, 1000)
  })
})

describe('the address of an upload', () => {
  it('keeps the path that a proxy strips', async () => {
    await using proxied = await startServer({ args: ['--log-level', 'warn', '--behind-proxy', 'true'] })
    const content = bytes(1000, 'prefix')
    const headers = { cookie: proxied.cookie, 'x-forwarded-prefix': '/share' }
    for (const protocol of ['tus-v1', 'ietf-draft-05'] as const) {
      const options = { protocol, headers, parallelUploads: protocol === 'tus-v1' ? 2 : 1 }
      const created = await new Promise<string | null>((resolve, reject) => {
        const task = new Upload(content, {
          ...options,
          endpoint: `${proxied.url}/share/api/tus/`,
          metadata: { filename: 'prefix' },
          onError: reject,
          onSuccess: () => resolve(task.url),
        })
        task.start()
      })
      assert.ok(created?.startsWith(`${proxied.url}/share/api/tus/`), created ?? 'no address')
    }
    assert.deepEqual(
      (await proxied.list()).files.map(({ sha256 }) => sha256),
      [await sha256Of(content), await sha256Of(content)],
    )
  })
})

describe('metadata', () => {
  it('name a file by the keys that Uppy sends', async () => {
    const meta = { name: 'photo.jpg', type: 'image/jpeg', relativePath: 'null', caption: 'Ada', 'my-key': 'x' }
    const file = await upload(bytes(4), { metadata: meta })
    assert.deepEqual([file.filename, file.contentType], ['photo.jpg', 'image/jpeg'])
    const both = await upload(bytes(4), { metadata: { ...meta, filename: 'b.png', filetype: 'image/png' } })
    assert.deepEqual([both.filename, both.contentType], ['b.png', 'image/png'])
  })

  it('are refused when a protection is misspelt, with the right word', async () => {
    const meant = {
      maxDownloads: ['maxdownloads', 'max_downloads', 'MaxDownloads', 'maxDownload', 'max-downloads', 'downloadLimit'],
      downloadPassphrase: ['downloadpassphrase', 'password', 'passphrase', 'downloadPassword', 'download_passphrase'],
      expiration: ['Expiration', 'expires', 'expiry', 'experation', 'expires_at', 'ttl'],
    }
    for (const [word, keys] of Object.entries(meant)) {
      for (const key of keys) {
        const answer = await begin({ filename: 'a', [key]: '1' })
        assert.equal(answer.status, 400, key)
        assert.match(answer.text, new RegExp(`did you mean ${word}\\?`), key)
      }
    }
  })

  it('cannot set fields that guests may not set', async () => {
    const link = await guestLink(server, {})
    for (const key of ['maxDownloads', 'downloadPassphrase', 'note']) {
      const answer = await begin({ filename: 'a', [key]: '1' }, {}, `/api/guest/${link}/tus`)
      assert.equal(answer.status, 400, key)
      assert.match(answer.text, /guests cannot/)
    }
  })
})

describe('the type of a part', () => {
  it('may have any case and parameters', async () => {
    for (const type of [
      'Application/Offset+Octet-Stream',
      `${OCTETS}; charset=binary`,
      `${OCTETS.toUpperCase()} ;x=y`,
    ]) {
      assert.ok(fileId(await patch(await beginUpload(server, 4), 0, 'text', { 'content-type': type })))
      const headers = { 'upload-length': '4', 'upload-metadata': metadata({ filename: 'x' }), 'content-type': type }
      assert.ok(fileId(await tus(server, 'POST', '/api/tus/', { headers, body: 'text' })))
    }
  })
})

describe('an empty file', () => {
  it('exists with its creation', async () => {
    const answer = await begin({ filename: '__init__.py' }, { 'upload-length': '0' })
    assert.equal(answer.status, 201, answer.text)
    assert.equal(answer.headers.get('upload-offset'), '0')
    const file = await fileOf(fileId(answer))
    assert.deepEqual([file.filename, file.sizeBytes, file.sha256], ['__init__.py', 0, await sha256Of(Buffer.alloc(0))])
    const path = answer.headers.get('location') ?? ''
    assert.equal(fileId(await tus(server, 'HEAD', path)), file.id)
    assert.equal(fileId(await patch(path, 0, '')), file.id)
    assert.equal((await server.guest(`/-${file.id}`)).bytes.length, 0)
  })

  it('is sent by tus-js-client, with its creation or after', async () => {
    for (const options of [{}, { uploadDataDuringCreation: true }] satisfies UploadOptions[]) {
      const file = await upload(Buffer.alloc(0), { ...options, metadata: { filename: 'empty' } })
      assert.equal(file.sizeBytes, 0, JSON.stringify(options))
    }
  })
})

describe('a checksum', () => {
  const content = bytes(1000, 'checked')
  const checksum = (algorithm: string, of: Buffer) => ({
    'upload-checksum': `${algorithm} ${createHash(algorithm).update(of).digest('base64')}`,
  })

  it('lets the part count when it is right, whatever its algorithm', async () => {
    const told = (await server.guest('/api/tus', { method: 'OPTIONS' })).headers
    const algorithms = told.get('tus-checksum-algorithm')?.split(',') ?? []
    assert.ok(algorithms.includes('sha1') && told.get('tus-extension')?.split(',').includes('checksum'))
    for (const algorithm of algorithms) {
      const path = await beginUpload(server, 1000)
      const [first, second] = [content.subarray(0, 400), content.subarray(400)]
      assert.equal((await patch(path, 0, first, checksum(algorithm, first))).status, 204)
      const answer = await patch(path, 400, second, checksum(algorithm, second))
      assert.equal((await fileOf(fileId(answer))).sha256, await sha256Of(content))
    }
  })

  it('discards the part, and only the part, when it is wrong', async () => {
    const path = await beginUpload(server, 1000)
    assert.equal((await patch(path, 0, content.subarray(0, 400))).status, 204)
    for (const rest of [content.subarray(400, 500), content.subarray(400)]) {
      const answer = await patch(path, 400, rest, checksum('sha256', content))
      assert.equal(answer.status, 460, answer.text)
      assert.equal(await offsetOf(server, path), 400)
    }
    const answer = await patch(path, 400, content.subarray(400))
    assert.equal((await fileOf(fileId(answer))).sha256, await sha256Of(content))
    const empty = await begin(
      { filename: 'e' },
      { 'upload-length': '4', 'content-type': OCTETS, ...checksum('md5', content) },
    )
    assert.equal(empty.status, 460)
  })

  it('lets nothing count when the connection ends before the check, however long it took', async () => {
    const path = await beginUpload(server, 1000)
    const line = `Upload-Checksum: ${checksum('sha1', content)['upload-checksum']}`
    const connection = startPatch(server, path, 0, 1000, [line])
    connection.socket.write(content.subarray(0, 300))
    await arrived(server, 300)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    connection.socket.write(content.subarray(300, 999))
    await arrived(server, 999)
    connection.socket.destroy()
    await eventually(async () => (await server.owner('/api/metrics')).json().uploads_active === 0)
    assert.equal(await offsetOf(server, path), 0)
    assert.ok(fileId(await patch(path, 0, content, checksum('sha1', content))))
  })

  it('is refused before the part is read when its kind is unknown or missing', async () => {
    const path = await beginUpload(server, 1000)
    const sha1 = createHash('sha1').update(content).digest('base64')
    for (const given of ['crc32 AAAA', `sha256 ${sha1}`, 'sha1', `sha1 ${sha1} x`, 'sha1 ???', sha1]) {
      const answer = await patch(path, 0, content, { 'upload-checksum': given })
      assert.equal(answer.status, 400, given)
    }
    const connection = startPatch(server, path, 0, 1000, ['Trailer: Upload-Checksum'])
    await eventually(() => connection.statuses[0] === 400)
    connection.socket.destroy()
    assert.equal(await offsetOf(server, path), 0)
  })
})

describe('a length that comes later', () => {
  it('is told by HEAD when it is known, and does not change', async () => {
    const created = await begin({ filename: 'later' }, { 'upload-defer-length': '1', 'upload-length': '' })
    assert.equal(created.status, 400)
    const headers = { 'upload-defer-length': '1', 'upload-metadata': metadata({ filename: 'later' }) }
    const path = (await tus(server, 'POST', '/api/tus/', { headers })).headers.get('location') ?? ''
    assert.equal((await patch(path, 0, 'four')).status, 204)
    const early = await tus(server, 'HEAD', path)
    assert.deepEqual([early.headers.get('upload-defer-length'), early.headers.get('upload-length')], ['1', null])
    assert.equal((await patch(path, 4, 'x', { 'upload-length': '3' })).status, 400)
    assert.equal((await patch(path, 4, 'x', { 'upload-length': `${65 * MIB}` })).status, 413)
    assert.equal((await patch(path, 4, 'more', { 'upload-length': '10' })).status, 204)
    const late = await tus(server, 'HEAD', path)
    assert.deepEqual([late.headers.get('upload-defer-length'), late.headers.get('upload-length')], [null, '10'])
    assert.equal((await patch(path, 8, 'x', { 'upload-length': '9' })).status, 400)
    const file = await fileOf(fileId(await patch(path, 8, '!!', { 'upload-length': '10' })))
    assert.equal(file.sizeBytes, 10)
  })

  it('comes with a stream of tus-js-client', async () => {
    const content = bytes(3 * MIB + 17, 'stream')
    for (const size of [MIB, content.length, content.length + 1]) {
      const options = { uploadLengthDeferred: true, chunkSize: size, metadata: { filename: 'stream' } }
      const file = await upload(Readable.from([content]), options)
      assert.equal(file.sha256, await sha256Of(content))
    }
  })

  it('ends at the largest that is allowed, at the byte', async () => {
    const headers = { 'upload-defer-length': '1', 'upload-metadata': metadata({ filename: 'endless' }) }
    const path = (await tus(server, 'POST', '/api/tus/', { headers })).headers.get('location') ?? ''
    const content = bytes(64 * MIB + 1)
    const body = stream([content.subarray(0, 32 * MIB), content.subarray(32 * MIB)])
    const part = { 'upload-offset': '0', 'content-type': OCTETS }
    const answer = await tus(server, 'PATCH', path, { headers: part, body, duplex: 'half' })
    assert.equal(answer.status, 413)
    assert.ok((await offsetOf(server, path)) <= 64 * MIB)
  })
})

describe('parallel uploads', () => {
  const content = bytes(5 * MIB + 3, 'parallel')
  const joined = (ids: string[], fields: Record<string, string> = { filename: 'whole' }, path = '/api/tus/') =>
    tus(server, 'POST', path, {
      headers: { 'upload-concat': `final;${ids.join(' ')}`, 'upload-metadata': metadata(fields) },
    })

  /** Uploads parts whole, as the owner. @returns their addresses. */
  async function parts(...contents: string[]): Promise<string[]> {
    const paths: string[] = []
    for (const body of contents) {
      const headers = { 'upload-concat': 'partial', 'upload-length': `${body.length}`, 'content-type': OCTETS }
      const answer = await tus(server, 'POST', '/api/tus/', { headers, body })
      assert.equal(answer.status, 201, answer.text)
      assert.equal(answer.headers.get('holdfast-file-id'), null)
      paths.push(answer.headers.get('location') ?? '')
    }
    return paths
  }

  it('become one file with tus-js-client, whatever its size, for the owner and for guests', async () => {
    const earlier = partials()
    const link = await guestLink(server, { maxFileUploads: 1, maxFileBytes: 6 * MIB })
    for (const [of, parallelUploads, endpoint] of [
      [content, 3, '/api/tus/'],
      [content, 4, `/api/guest/${link}/tus`],
      [content.subarray(0, 2), 4, '/api/tus/'],
      [content.subarray(0, 0), 2, '/api/tus/'],
    ] as const) {
      const options = { parallelUploads, chunkSize: MIB, endpoint: server.url + endpoint }
      const file = await upload(of, { ...options, metadata: { filename: 'parallel.bin', filetype: 'x/y' } })
      assert.deepEqual([file.filename, file.sizeBytes, file.sha256], ['parallel.bin', of.length, await sha256Of(of)])
      assert.equal(await sha256Of((await server.guest(`/-${file.id}`)).bytes), file.sha256)
    }
    assert.equal(partials(), earlier, 'no bytes of parts are left')
  })

  it('name the same file when asked again, as after a lost answer; used parts are refused otherwise', async () => {
    const [a = '', b = ''] = await parts('first', 'second')
    const first = await joined([a, server.url + b])
    assert.equal(first.status, 201, first.text)
    const file = await fileOf(fileId(first))
    assert.equal(file.sha256, await sha256Of(Buffer.from('firstsecond')))
    assert.equal(fileId(await joined([a, b])), file.id)
    assert.equal((await joined([b, a])).status, 409)
    assert.equal((await joined([a])).status, 409)
    const path = first.headers.get('location') ?? ''
    const head = await tus(server, 'HEAD', path)
    assert.match(head.headers.get('upload-concat') ?? '', /^final;/)
    assert.equal(head.headers.get('upload-length'), '11')
    assert.equal((await patch(path, 11, 'x')).status, 403)
    assert.equal((await tus(server, 'HEAD', a)).headers.get('upload-offset'), '5')
  })

  it('are refused when a part is incomplete, not a part, missing, named twice or too much', async () => {
    const [a = ''] = await parts('first')
    const half = await begin({ filename: 'x' }, { 'upload-concat': 'partial', 'upload-length': '9' })
    assert.equal((await joined([a, half.headers.get('location') ?? ''])).status, 409)
    assert.equal((await joined([a, await beginUpload(server, 4)])).status, 400)
    assert.equal((await joined([a, `/api/tus/${'x'.repeat(24)}`])).status, 404)
    assert.equal((await joined([a, a])).status, 400)
    assert.equal((await joined([])).status, 400)
    assert.equal((await joined([a], { note: 'no name' })).status, 400)
    assert.equal((await begin({ filename: 'x' }, { 'upload-concat': 'whole' })).status, 400)
    assert.equal(fileId(await joined([a])).length, 10, 'nothing of that used the part up')
  })

  it('take only their own parts: neither the owner nor guests reach the parts of others', async () => {
    const [link, other] = [await guestLink(server, {}), await guestLink(server, {})]
    const [mine = ''] = await parts('owner')
    const headers = { 'upload-concat': 'partial', 'upload-length': '5', 'content-type': OCTETS }
    const theirs = await tus(server, 'POST', `/api/guest/${link}/tus`, { headers, body: 'guest' })
    const path = theirs.headers.get('location') ?? ''
    assert.equal((await joined([mine, path])).status, 404)
    assert.equal((await joined([path], { filename: 'x' }, `/api/guest/${other}/tus`)).status, 404)
    assert.equal((await joined([mine], { filename: 'x' }, `/api/guest/${link}/tus`)).status, 404)
    assert.equal((await server.guest(path)).status, 405, 'a part is never served')
    assert.ok(fileId(await joined([path], { filename: 'x' }, `/api/guest/${link}/tus`)))
  })
})

describe('the IETF draft of resumable uploads', () => {
  const content = bytes(MIB + 5, 'draft')
  const draft = (
    method: string,
    path: string,
    headers: Headers,
    body?: string | Buffer<ArrayBuffer> | ReadableStream,
  ) =>
    server.owner(path, {
      method,
      headers: { 'upload-draft-interop-version': '8', ...headers },
      ...(body !== undefined && { body, duplex: 'half' }),
    })
  const named = { 'content-disposition': `attachment; filename="x"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt` }

  it('works with tus-js-client, for the owner and for guests', async () => {
    const link = await guestLink(server, {})
    for (const protocol of ['ietf-draft-03', 'ietf-draft-05'] as const) {
      for (const uploadDataDuringCreation of [false, true]) {
        for (const endpoint of ['/api/tus/', `/api/guest/${link}/tus/`]) {
          const options = { protocol, uploadDataDuringCreation, chunkSize: 300_000, endpoint: server.url + endpoint }
          const file = await upload(content, { ...options, metadata: { filename: 'draft.bin' } })
          assert.deepEqual([file.filename, file.sha256], ['draft.bin', await sha256Of(content)])
        }
      }
    }
  })

  it('takes a file in one request, with its length or without, named by Content-Disposition', async () => {
    const type = 'text/plain;charset=utf-8'
    for (const body of [content, stream([content]), Buffer.alloc(0)]) {
      const headers = { 'upload-complete': '?1', 'content-type': type, ...named }
      const answer = await draft('POST', '/api/tus', headers, body)
      assert.equal(answer.status, 201, answer.text)
      assert.equal(answer.headers.get('upload-complete'), '?1')
      const file = await fileOf(fileId(answer))
      assert.deepEqual([file.filename, file.contentType], ['Grüße.txt', type])
      assert.equal(file.sizeBytes, body instanceof ReadableStream ? content.length : body.length)
    }
  })

  it('resumes at its offset, and is not a file before its last part', async () => {
    const part = { 'content-type': 'application/partial-upload' }
    const created = await draft('POST', '/api/tus', { 'upload-complete': '?0', ...named }, content.subarray(0, 1000))
    assert.deepEqual([created.status, created.headers.get('upload-complete')], [201, '?0'])
    const path = created.headers.get('location') ?? ''
    assert.equal(
      (await draft('PATCH', path, { ...part, 'upload-complete': '?0', 'upload-offset': '5' }, 'x')).status,
      409,
    )
    const head = await draft('HEAD', path, {})
    assert.deepEqual([head.headers.get('upload-offset'), head.headers.get('upload-complete')], ['1000', '?0'])
    assert.equal(head.headers.get('cache-control'), 'no-store')
    assert.match(head.headers.get('upload-limit') ?? '', /^max-size=\d+$/)
    const last = { ...part, 'upload-complete': '?1', 'upload-offset': '1000' }
    const short = await draft('PATCH', path, { ...last, 'upload-length': '9000' }, content.subarray(1000, 2000))
    assert.equal(short.status, 400, short.text)
    const rest = { ...last, 'upload-offset': '2000' }
    assert.equal((await draft('PATCH', path, { ...rest, 'upload-length': '9001' }, content.subarray(2000))).status, 400)
    const answer = await draft('PATCH', path, rest, content.subarray(2000, 9000))
    assert.equal((await fileOf(fileId(answer))).sha256, await sha256Of(content.subarray(0, 9000)))
    assert.equal((await draft('DELETE', path, {})).status, 204)
    assert.equal((await draft('HEAD', path, {})).status, 404)
  })

  it('tells the address of an upload before its bytes come, so that a cut upload can resume', async () => {
    const lines = [
      'Upload-Draft-Interop-Version: 6',
      'Upload-Complete: ?1',
      'Content-Disposition: attachment; filename="cut.bin"',
      `Content-Length: ${content.length}`,
    ]
    const connection = new RawConnection(server, requestHead(server, 'POST /api/tus/', lines))
    await eventually(() => connection.statuses[0] === 104)
    const path = /^location: (\S+)/im.exec(connection.received)?.[1] ?? ''
    connection.socket.write(content.subarray(0, 300_000))
    await arrived(server, 300_000)
    connection.socket.destroy()
    const offset = Number((await draft('HEAD', path, {})).headers.get('upload-offset'))
    assert.equal(offset, 300_000)
    const rest = { 'upload-complete': '?1', 'upload-offset': `${offset}`, 'content-type': 'application/partial-upload' }
    const answer = await draft('PATCH', path, rest, content.subarray(offset))
    assert.equal((await fileOf(fileId(answer))).sha256, await sha256Of(content))
  })

  it('checks the digests that it defines, and refuses digests that it cannot check', async () => {
    const digestOf = (of: Buffer) => `sha-256=:${createHash('sha256').update(of).digest('base64')}:`
    const whole = { 'upload-complete': '?1', ...named }
    for (const name of ['content-digest', 'repr-digest']) {
      assert.equal((await draft('POST', '/api/tus', { ...whole, [name]: digestOf(content) }, content)).status, 201)
      const wrong = await draft('POST', '/api/tus', { ...whole, [name]: digestOf(Buffer.from('other')) }, content)
      assert.equal(wrong.status, 400)
    }
    const part = { ...whole, 'upload-complete': '?0' }
    assert.equal((await draft('POST', '/api/tus', { ...part, 'repr-digest': digestOf(content) }, 'x')).status, 400)
    const path = await beginUpload(server, 4)
    assert.equal((await patch(path, 0, 'text', { 'content-digest': digestOf(content) })).status, 400)
    assert.equal(await offsetOf(server, path), 0)
    assert.ok(fileId(await patch(path, 0, 'text', { 'content-digest': digestOf(Buffer.from('text')) })))
  })

  it('is refused when malformed or of an unknown version, with the known versions', async () => {
    for (const [headers, status] of [
      [{ 'upload-draft-interop-version': '3', 'upload-incomplete': '?1' }, 412],
      [{ 'upload-draft-interop-version': '99', 'upload-complete': '?1' }, 412],
      [{ 'upload-complete': '1', ...named }, 400],
      [named, 400],
      [{ 'upload-complete': '?1' }, 400],
    ] as const) {
      assert.equal((await draft('POST', '/api/tus', headers, 'text')).status, status, JSON.stringify(headers))
    }
    const guest = await server.guest('/api/tus', { method: 'POST', headers: { 'upload-complete': '?1' }, body: 'x' })
    assert.equal(guest.status, 401)
  })
})
