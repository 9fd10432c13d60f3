/** The server stores the whole file or nothing, for the requests that real clients send. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  BOUNDARY,
  encodeForm,
  formHeaders,
  NEVER,
  postForm,
  RawConnection,
  requestHead,
  type Part,
} from '../support/forms.ts'
import { putJson, sendJson, startServer, temporaryFolder, type FileView, type TestServer } from '../support/server.ts'

let server: TestServer
let stored: number
const folder = temporaryFolder()
const HELLO = join(folder, 'hello.txt')
const OTHER = join(folder, 'other.txt')

before(async () => {
  server = await startServer({ args: ['--log-level', 'silent', '--fsync', 'false'] })
  writeFileSync(HELLO, 'hello world')
  writeFileSync(OTHER, 'another file')
})
after(async () => server[Symbol.asyncDispose]())
beforeEach(async () => {
  stored = (await server.list()).total
})

/** Runs curl as the owner. @returns the status and the body. */
function curl(...args: string[]): { status: number; body: string } {
  const output = execFileSync('curl', ['-sS', '-b', server.cookie, '-w', '\n%{http_code}', ...args], {
    encoding: 'utf8',
  })
  const end = output.trimEnd().lastIndexOf('\n')
  return { status: Number(output.slice(end)), body: output.slice(0, end) }
}

/** Uploads `hello` as a form whose part has these headers besides its own. */
async function postPart(headers: string[]) {
  const disposition = 'Content-Disposition: form-data; name="file"; filename="a.txt"'
  const head = [`--${BOUNDARY}`, disposition, ...headers].join('\r\n')
  const body = `${head}\r\n\r\nhello\r\n--${BOUNDARY}--\r\n`
  return await server.owner(`/api/entry?${NEVER}`, { method: 'POST', body, headers: formHeaders() })
}

async function nothingStored(): Promise<void> {
  assert.equal((await server.list()).total, stored)
}

async function put(headers: Record<string, string>, query = '', body = 'hello world') {
  return await server.owner(`/api/files/h.txt${query}`, { method: 'PUT', body, headers })
}

async function guestLink(limits: Record<string, unknown> = {}): Promise<string> {
  const body = { urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '720h', ...limits }
  return (await server.owner('/api/guest-links', sendJson('POST', body))).json<{ id: string }>().id
}

describe('a part of a file', () => {
  it('is refused when curl resumes by Content-Range', async () => {
    const { status, body } = curl('-C', '6', '-T', HELLO, `${server.url}/api/files/`)
    assert.equal(status, 400)
    assert.match(body, /Content-Range.*only a part/)
    await nothingStored()
  })

  it('is refused in the words of every protocol for parts', async () => {
    for (const headers of [
      { 'upload-complete': '?0' },
      { 'upload-incomplete': '?1' },
      { 'upload-offset': '6' },
      { 'content-range': 'bytes */11' },
      { 'x-content-range': 'bytes 0-4/11' },
    ]) {
      assert.equal((await put(headers)).status, 400, JSON.stringify(headers))
      const form = { method: 'POST', body: encodeForm([{ name: 'file', filename: 'a', content: 'x' }]) }
      const answer = await server.owner(`/api/entry?${NEVER}`, { ...form, headers: { ...formHeaders(), ...headers } })
      assert.equal(answer.status, 400, JSON.stringify(headers))
    }
    await nothingStored()
  })

  it('is accepted when it says that it is complete', async () => {
    assert.equal((await put({ 'upload-complete': '?1' })).status, 201)
  })
})

describe('an envelope around a file', () => {
  it('is refused when curl puts a form, with the address for forms', async () => {
    const { status, body } = curl(
      '-X',
      'PUT',
      '-F',
      `file=@${HELLO}`,
      '-H',
      'Accept: application/json',
      `${server.url}/api/files/h2.txt`,
    )
    assert.equal(status, 415)
    assert.match(body, /\/api\/entry/)
    await nothingStored()
  })

  it('is refused in every other kind', async () => {
    for (const headers of [
      { 'content-encoding': 'gzip' },
      { 'content-type': 'multipart/byteranges; boundary=x' },
      { 'content-type': 'multipart/related; type="text/xml"; boundary="x"' },
      { 'content-type': 'multipart/mixed;boundary=x' },
      { 'content-type': 'application/offset+octet-stream' },
      { 'content-type': 'application/partial-upload' },
    ]) {
      assert.equal((await put(headers)).status, 415, JSON.stringify(headers))
    }
    await nothingStored()
  })

  it('is refused when a transfer coding packs the bytes', async () => {
    const tus = ['Tus-Resumable: 1.0.0', 'Upload-Length: 11', 'Content-Type: application/offset+octet-stream']
    for (const [request, codings, headers] of [
      ['PUT /api/files/a.txt', 'gzip, chunked', []],
      ['PUT /api/files/a.txt', 'gzip\r\nTransfer-Encoding: chunked', []],
      ['POST /api/tus/', 'gzip, chunked', tus],
      ['POST /api/tus/', 'chunked\r\nContent-Encoding: gzip', tus],
    ] as const) {
      const lines = [`Transfer-Encoding: ${codings}`, 'Connection: close', ...headers]
      const connection = new RawConnection(server, requestHead(server, request, lines))
      const packed = gzipSync('hello world')
      connection.socket.write(`${packed.length.toString(16)}\r\n`)
      connection.socket.write(packed)
      connection.socket.write('\r\n0\r\n\r\n')
      await connection.closed
      assert.deepEqual(connection.statuses, [415], connection.received)
    }
    await nothingStored()
  })

  it('is accepted when it is a saved web page', async () => {
    assert.equal((await put({ 'content-type': 'multipart/related' })).status, 201)
  })

  it('is refused inside a form', async () => {
    for (const [header, status] of [
      ['Content-Transfer-Encoding: base64', 400],
      ['Content-Encoding: gzip', 415],
      ['Content-Range: bytes 0-4/11', 400],
      ['Content-Length: 11', 400],
      ['Content-Type: multipart/mixed; boundary=x', 415],
      [`Content-MD5: ${createHash('md5').update('other').digest('base64')}`, 400],
      ['Content-MD5: x', 400],
    ] as const) {
      assert.equal((await postPart([header])).status, status, header)
    }
    await nothingStored()
  })

  it('is accepted inside a form when its headers are true', async () => {
    const digest = createHash('sha256').update('hello').digest('base64')
    const headers = ['Content-Encoding: identity', 'Content-Length: 5', `Content-Digest: sha-256=:${digest}:`]
    assert.equal((await postPart(headers)).status, 200)
  })
})

describe('a form with more than one file', () => {
  it('is refused with the name of the second, for the owner and for guests', async () => {
    const files = ['-F', `file=@${HELLO}`, '-F', `file=@${OTHER}`]
    for (const path of [`/api/entry?${NEVER}`, `/api/guest/${await guestLink()}`]) {
      const { status, body } = curl(...files, server.url + path)
      assert.equal(status, 400)
      assert.match(body, /other\.txt/)
    }
    await nothingStored()
  })

  it('is refused under another field name, not dropped', async () => {
    const { status, body } = curl('-F', `file=@${HELLO}`, '-F', `extra=@${OTHER}`, `${server.url}/api/entry?${NEVER}`)
    assert.equal(status, 400)
    assert.match(body, /other\.txt.*extra/)
    await nothingStored()
  })

  it('is refused behind its closing delimiter', async () => {
    const form = encodeForm([{ name: 'file', filename: 'a', content: 'x' }])
    const body = Buffer.concat([form, form])
    const answer = await server.owner(`/api/entry?${NEVER}`, { method: 'POST', body, headers: formHeaders() })
    assert.equal(answer.status, 400)
    await nothingStored()
  })
})

describe('protections', () => {
  const file: Part = { name: 'file', filename: 'a.txt', content: 'hello' }

  it('are not lost behind unread fields', async () => {
    const junk = Array.from({ length: 20 }, (_, index): Part => ({ name: `junk${index}`, content: 'x' }))
    const protections: Part[] = [
      { name: 'downloadPassphrase', content: 'sesame' },
      { name: 'maxDownloads', content: '1' },
    ]
    assert.equal((await postForm(server, [...junk, ...protections, file])).status, 400)
    const { id } = (await postForm(server, [...protections, file])).json<{ id: string }>()
    const { hasPassphrase, maxDownloads } = (await server.owner(`/api/files/${id}`)).json<FileView>()
    assert.deepEqual({ hasPassphrase, maxDownloads }, { hasPassphrase: true, maxDownloads: 1 })
  })

  it('are refused with a suggestion when misspelt or misplaced', async () => {
    for (const [query, suggestion] of [
      ['?maxdownloads=1', /did you mean maxDownloads\?/],
      ['?downloadPassphrase=x', /unknown parameter "downloadPassphrase"/],
      ['?expires=2999-12-31T00:00:00Z', /unknown parameter "expires"/],
    ] as const) {
      const answer = await put({}, query)
      assert.equal(answer.status, 400, query)
      assert.match(answer.text, suggestion)
    }
    const answer = await postForm(server, [{ name: 'maxdownload', content: '1' }, file])
    assert.match(answer.text, /did you mean maxDownloads\?/)
    await nothingStored()
  })

  it('are refused when empty, doubled or contradictory', async () => {
    for (const query of ['?maxDownloads=', '?maxDownloads=1&maxDownloads=5']) {
      assert.equal((await put({}, query)).status, 400, query)
    }
    assert.equal((await put({ 'x-download-passphrase': '' })).status, 400)
    const twice: Part[] = [
      { name: 'maxDownloads', content: '1' },
      { name: 'maxDownloads', content: '5' },
    ]
    assert.equal((await postForm(server, [...twice, file])).status, 400)
    assert.equal((await postForm(server, [...twice.slice(0, 1), file], `${NEVER}&maxDownloads=5`)).status, 400)
    assert.equal(
      (await postForm(server, [{ name: 'downloadPassphrase', content: 'x'.repeat(5000) }, file])).status,
      400,
    )
    await nothingStored()
  })
})

describe('a change of a file', () => {
  it('changes only the given fields by PATCH', async () => {
    const { id } = await server.put('a.txt', 'x', '?note=kept&maxDownloads=3')
    const changed = (await server.owner(`/api/files/${id}`, sendJson('PATCH', { filename: 'b.txt' }))).json<FileView>()
    assert.deepEqual([changed.filename, changed.note, changed.maxDownloads], ['b.txt', 'kept', 3])
    const { note } = (await server.owner(`/api/files/${id}`, sendJson('PATCH', { note: null }))).json<FileView>()
    assert.equal(note, null)
  })

  it('refuses unknown fields and an empty PATCH', async () => {
    const { id } = await server.put('a.txt', 'x')
    for (const body of [{ maxdownloads: 1 }, {}, { expiration: '2020-01-01T00:00:00Z' }, { expiration: '' }]) {
      assert.equal((await server.owner(`/api/files/${id}`, sendJson('PATCH', body))).status, 400, JSON.stringify(body))
    }
  })

  it('replaces the three fields of PicoShare by its route and keeps the protections', async () => {
    const { id } = await server.put('a.txt', 'x', '?note=gone&maxDownloads=3')
    assert.equal((await server.owner(`/api/entry/${id}`, putJson({ filename: 'n' }))).status, 200)
    const { note, expiresAt, maxDownloads } = (await server.owner(`/api/files/${id}`)).json<FileView>()
    assert.deepEqual({ note, expiresAt, maxDownloads }, { note: null, expiresAt: null, maxDownloads: 3 })
    assert.equal((await server.owner(`/api/entry/${id}`, putJson({ filename: 'n', maxDownload: 1 }))).status, 400)
  })
})

describe('a digest that is sent along', () => {
  const digest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest('base64')
  const headersFor = (text: string): Record<string, string>[] => [
    { 'content-md5': digest('md5', text) },
    { 'content-digest': `sha-256=:${digest('sha256', text)}:` },
    { 'content-digest': `unixsum=:MTI=:, sha-512=:${digest('sha512', text)}:` },
    { 'repr-digest': `sha-256=:${digest('sha256', text)}:` },
    { digest: `SHA-256=${digest('sha256', text)}` },
  ]

  it('is checked', async () => {
    for (const headers of headersFor('hello world')) {
      assert.equal((await put(headers)).status, 201, JSON.stringify(headers))
    }
    stored = (await server.list()).total
    for (const headers of headersFor('HELLO WORLD')) {
      const answer = await put({ ...headers, accept: 'application/json' })
      assert.equal(answer.status, 400, JSON.stringify(headers))
      assert.equal(answer.json<{ error: { code: string } }>().error.code, 'DIGEST_MISMATCH')
    }
    await nothingStored()
  })

  it('covers the body of a form', async () => {
    const body = encodeForm([{ name: 'file', filename: 'a', content: 'x' }])
    for (const [text, status] of [
      [body.toString(), 200],
      ['other', 400],
    ] as const) {
      const headers = { ...formHeaders(), 'content-digest': `sha-256=:${digest('sha256', text)}:` }
      assert.equal((await server.owner(`/api/entry?${NEVER}`, { method: 'POST', body, headers })).status, status)
    }
  })

  it('is checked in a trailer, which must be announced', async () => {
    const send = async (text: string, announcement: string[]) => {
      const lines = ['Transfer-Encoding: chunked', 'Connection: close', ...announcement]
      const connection = new RawConnection(server, requestHead(server, 'PUT /api/files/a.txt', lines))
      const trailer = `Content-Digest: sha-256=:${digest('sha256', text)}:`
      connection.socket.write(`b\r\nhello world\r\n0\r\n${trailer}\r\n\r\n`)
      await connection.closed
      return connection.statuses
    }
    assert.deepEqual(await send('hello world', ['Trailer: Content-Digest']), [201])
    stored = (await server.list()).total
    assert.deepEqual(await send('HELLO WORLD', ['Trailer: Content-Digest']), [400])
    assert.deepEqual(await send('hello world', []), [400])
    await nothingStored()
  })

  it('is refused before the body is read when malformed', async () => {
    for (const headers of [
      { 'content-md5': 'x' },
      { 'content-digest': 'sha-256=abc' },
      { 'repr-digest': 'sha-256=:YWJj:' },
      { digest: 'SHA-256' },
    ] as Record<string, string>[]) {
      assert.equal((await put(headers)).status, 400, JSON.stringify(headers))
    }
    await nothingStored()
  })
})

describe('a limit on the size of a file', () => {
  const MIB = 2 ** 20

  it('counts the file alone, not the form around it', async () => {
    const link = await guestLink({ maxFileBytes: MIB })
    const send = async (bytes: number) => {
      const body = encodeForm([{ name: 'file', filename: 'a', content: Buffer.alloc(bytes) }])
      return (await server.guest(`/api/guest/${link}`, { method: 'POST', body, headers: formHeaders() })).status
    }
    assert.equal(await send(MIB), 200)
    assert.equal(await send(MIB + 1), 413)
    assert.equal(await send(2 * MIB), 413)
  })
})

describe('the name of a file in a form', () => {
  it('comes from filename* where both are given', async () => {
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name=file; filename="Gr__e.txt"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.txt`
    const body = `${head}\r\n\r\nx\r\n--${BOUNDARY}--\r\n`
    const answer = await server.owner(`/api/entry?${NEVER}`, { method: 'POST', body, headers: formHeaders() })
    const { filename } = (await server.owner(`/api/files/${answer.json<{ id: string }>().id}`)).json<FileView>()
    assert.equal(filename, 'Grüße.txt')
  })
})

describe('a form of nothing but delimiters', () => {
  it('is refused at its first byte too many', async () => {
    const body = Buffer.from(`--B${'\r\n--B'.repeat(200_000)}`)
    const headers = { 'content-type': 'multipart/form-data; boundary=B' }
    const startedAt = process.hrtime.bigint()
    const answer = await server.guest(`/api/guest/${await guestLink()}`, { method: 'POST', body, headers })
    assert.equal(answer.status, 400, `${process.hrtime.bigint() - startedAt} ns`)
    await nothingStored()
  })
})

describe('Python requests', () => {
  const python = spawnSync('/usr/bin/python3', ['-c', 'import requests']).status === 0

  it('uploads by form without losing anything', { skip: !python && 'python3-requests is not installed' }, async () => {
    const script = `import requests,sys
r=requests.post(sys.argv[1], headers={'Cookie': sys.argv[2]}, data={'note':'n'}, files={'file': open(sys.argv[3],'rb')})
print(r.status_code, r.json()['id'])`
    const args = [`${server.url}/api/entry?${NEVER}`, server.cookie, HELLO]
    const [status, id] = execFileSync('/usr/bin/python3', ['-c', script, ...args], { encoding: 'utf8' }).split(/\s/)
    assert.equal(status, '200')
    const file = (await server.owner(`/api/files/${id}`)).json<FileView>()
    assert.deepEqual([file.filename, file.note, file.sizeBytes], ['hello.txt', 'n', 11])
  })
})
