/** Uploads of all sizes, by all ways in, and the leftovers of failed uploads. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { bytes, generate, sha256, sha256Of, stream } from '../support/bytes.ts'
import { encodeForm, formHeaders, NEVER, postForm, RawConnection, requestHead, BOUNDARY } from '../support/forms.ts'
import { eventually, startServer, type Answer, type FileView, type TestServer } from '../support/server.ts'

const MIB = 2 ** 20

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'warn'] })
})
after(async () => server[Symbol.asyncDispose]())

const idOf = (answer: Answer) => answer.json<{ id: string }>().id

async function downloadedHash(id: string): Promise<string> {
  const response = await fetch(`${server.url}/-${id}`)
  assert.equal(response.status, 200)
  return await sha256(response.body ?? [])
}

function storedFiles(): string[] {
  return readdirSync(join(server.dataFolder, 'files'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name)
}

const partials = () => readdirSync(join(server.dataFolder, 'uploads'))

describe('a file comes back as it was', () => {
  const ways: Record<string, (name: string, content: Buffer<ArrayBuffer>) => Promise<string>> = {
    'in a form': async (name, content) => {
      const answer = await postForm(server, [{ name: 'file', filename: name, content }])
      assert.equal(answer.status, 200, answer.text)
      assert.match(answer.headers.get('content-type') ?? '', /^application\/json/)
      assert.match(idOf(answer), /^[a-km-zA-HJ-NP-Z2-9]{10}$/)
      return idOf(answer)
    },
    'in a chunked form': async (name, content) => {
      const form = encodeForm([{ name: 'file', filename: name, content }])
      const body = stream(slices(form, 50_021))
      const options = { method: 'POST', body, headers: formHeaders(), duplex: 'half' } as const
      const answer = await server.owner(`/api/entry?${NEVER}`, options)
      assert.equal(answer.status, 200, answer.text)
      return idOf(answer)
    },
    'as a raw body': async (name, content) => (await server.put(name, content)).id,
    'as a chunked raw body': async (name, content) => (await server.put(name, stream(slices(content, 10_007)))).id,
  }
  for (const [way, upload] of Object.entries(ways)) {
    for (const size of [1, 2, 65_536, MIB - 1, MIB, MIB + 1, 3 * MIB + 17]) {
      it(`${size} bytes ${way}`, async () => {
        const content = bytes(size, way)
        const id = await upload(`${size}.bin`, content)
        const hash = await sha256Of(content)
        assert.equal(await downloadedHash(id), hash)
        const file = (await server.owner(`/api/files/${id}`)).json<FileView>()
        assert.deepEqual([file.sizeBytes, file.sha256, file.filename], [size, hash, `${size}.bin`])
      })
    }
  }

  it('300 MB, in flat memory and written once', async () => {
    const size = 300_000_000
    await server.put('warm-up', bytes(MIB))
    const idle = server.memory('VmRSS')
    let written = 0
    async function* counted() {
      for (const chunk of generate(size, 'big')) {
        written += chunk.length
        yield chunk
      }
    }
    const file = await server.put('big.bin', stream(counted()))
    assert.equal(written, size)
    assert.equal(file.sizeBytes, size)
    assert.equal(file.sha256, await sha256(generate(size, 'big')))
    assert.equal(await downloadedHash(file.id), file.sha256)
    // The bar of bin/holdfast, with its Node flags, is lower; this one tells flat from growing.
    assert.ok(server.memory('VmHWM') - idle < 120_000_000, `${idle} -> ${server.memory('VmHWM')}`)
    assert.equal((await server.owner(`/api/entry/${file.id}?purge=true`, { method: 'DELETE' })).status, 200)
    assert.deepEqual(partials(), [])
  })

  it('50 at once, all under one name', async () => {
    const contents = Array.from({ length: 50 }, (_, index) => bytes(100_000 + index * 7001, `many ${index}`))
    const ids = await Promise.all(
      contents.map(async (content, index) => {
        if (index % 2) return (await server.put('same.bin', content)).id
        return idOf(await postForm(server, [{ name: 'file', filename: 'same.bin', content }]))
      }),
    )
    assert.equal(new Set(ids).size, 50)
    for (const [index, id] of ids.entries()) {
      assert.equal(await downloadedHash(id), await sha256Of(contents[index] ?? Buffer.alloc(0)), `upload ${index}`)
    }
  })

  it('many at once whose bytes look like boundaries all the way', async () => {
    const content = Buffer.alloc(400_000, `\r\n--${BOUNDARY.slice(0, -1)}\r\n--`)
    const uploads = Array.from({ length: 24 }, () => postForm(server, [{ name: 'file', filename: 'b', content }]))
    const answers = await Promise.all(uploads)
    for (const answer of answers) assert.equal(await downloadedHash(idOf(answer)), await sha256Of(content))
  })
})

function* slices(content: Buffer, size: number): Generator<Buffer> {
  for (let start = 0; start < content.length; start += size) yield content.subarray(start, start + size)
}

describe('refused', () => {
  let listed: number
  before(async () => {
    listed = (await server.list()).total
  })

  const empty = { name: 'file', filename: 'empty.txt', content: '' }
  const good = { name: 'file', filename: 'a.txt', content: 'text' }
  const soon = new Date(Date.now() + 3_500_000).toISOString()
  const cases: Record<string, () => Promise<Answer>> = {
    'an empty file in a form': () => postForm(server, [empty]),
    'a form without a file': () => postForm(server, [{ name: 'note', content: 'text' }]),
    'a form with the file in another field': () => postForm(server, [{ ...good, name: 'files' }]),
    'a form with nothing in it': () => postForm(server, []),
    'a file without a name': () => postForm(server, [{ ...good, filename: '' }]),
    'no form': () => server.owner(`/api/entry?${NEVER}`, { method: 'POST', body: 'text' }),
    'a JSON body instead of a form': () =>
      server.owner(`/api/entry?${NEVER}`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      }),
    'a form without a boundary': () =>
      server.owner(`/api/entry?${NEVER}`, {
        method: 'POST',
        body: encodeForm([good]),
        headers: { 'content-type': 'multipart/form-data' },
      }),
    'a form with another boundary': () =>
      server.owner(`/api/entry?${NEVER}`, { method: 'POST', body: encodeForm([good]), headers: formHeaders('other') }),
    'no expiration': () => postForm(server, [good], ''),
    'an expiration that is not a time': () => postForm(server, [good], 'expiration=tomorrow'),
    'an expiration on 30 February': () => postForm(server, [good], 'expiration=2100-02-30T00:00:00Z'),
    'an expiration at hour 24': () => postForm(server, [good], 'expiration=2100-02-01T24:00:00Z'),
    'a date without a time': () => postForm(server, [good], 'expiration=2100-01-01'),
    'an expiration in the past': () => postForm(server, [good], 'expiration=2020-01-01T00:00:00Z'),
    'an expiration in less than an hour': () => postForm(server, [good], `expiration=${soon}`),
    'a long note': () => postForm(server, [good, { name: 'note', content: 'é'.repeat(251) }]),
    'a very long note': () => postForm(server, [good, { name: 'note', content: 'a'.repeat(100_000) }]),
    'the note null': () => postForm(server, [good], `${NEVER}&note=null`),
    'the note undefined': () => postForm(server, [{ name: 'note', content: 'undefined' }, good]),
    'a script in the note': () => postForm(server, [good], `${NEVER}&note=${encodeURIComponent('a <SCRIPT src=x>')}`),
    'an iframe in the note': () => postForm(server, [good], `${NEVER}&note=${encodeURIComponent('</iframe>')}`),
    'a long passphrase': () => postForm(server, [good, { name: 'downloadPassphrase', content: '😀'.repeat(101) }]),
    'a download limit of 0': () => postForm(server, [good], `${NEVER}&maxDownloads=0`),
    'a download limit that is not a number': () => postForm(server, [good], `${NEVER}&maxDownloads=1e3`),
    'a malformed upload id': () => postForm(server, [good], `${NEVER}&upload=no`),
    'a form that ends inside its file': () => truncated(-40),
    'a form that ends inside its last boundary': () => truncated(-4),
    'a form that ends inside the head of its part': () => truncated(60 - encodeForm([good]).length),
  }
  for (const [what, upload] of Object.entries(cases)) {
    it(`${what}: 400, and nothing is kept`, async () => {
      const answer = await upload()
      assert.equal(answer.status, 400, answer.text)
      assert.equal((await server.list()).total, listed)
      assert.deepEqual(partials(), [])
    })
  }

  function truncated(end: number): Promise<Answer> {
    const body = encodeForm([good]).subarray(0, end)
    return server.owner(`/api/entry?${NEVER}`, { method: 'POST', body, headers: formHeaders() })
  }

  it('leaves nothing on the disk', async () => {
    assert.equal(storedFiles().length, (await server.list()).total)
  })

  it('gives 413 beyond --max-file-size, declared or not', async () => {
    await using small = await startServer({ args: ['--max-file-size', '100kB'] })
    const put = (size: number, how: 'told' | 'chunked') => {
      const body = how === 'told' ? bytes(size) : stream(generate(size))
      return small.owner('/api/files/a', { method: 'PUT', body, duplex: 'half' })
    }
    assert.equal((await put(100_001, 'told')).status, 413)
    assert.equal((await put(100_001, 'chunked')).status, 413)
    assert.equal((await put(100_000, 'told')).status, 201)
    assert.equal((await put(100_000, 'chunked')).status, 201)
    assert.equal((await postForm(small, [{ name: 'file', filename: 'a', content: bytes(100_001) }])).status, 413)
    assert.equal((await postForm(small, [{ name: 'file', filename: 'a', content: bytes(100_000) }])).status, 200)
    assert.equal((await small.list()).total, 3)
  })
})

describe('the description of a file by its client', () => {
  const file = { name: 'file', filename: 'a.txt', content: 'text' }
  const view = async (answer: Answer) => {
    assert.equal(answer.status, 200, answer.text)
    return (await server.owner(`/api/files/${idOf(answer)}`)).json<FileView>()
  }

  it('takes the note before or after the file, and the query wins', async () => {
    const note = { name: 'note', content: 'from the field' }
    assert.equal((await view(await postForm(server, [note, file]))).note, 'from the field')
    assert.equal((await view(await postForm(server, [file, note]))).note, 'from the field')
    assert.equal((await view(await postForm(server, [file, note], `${NEVER}&note=query`))).note, 'query')
    assert.equal((await view(await postForm(server, [file]))).note, null)
    const longest = 'é'.repeat(250)
    assert.equal((await view(await postForm(server, [file, { name: 'note', content: longest }]))).note, longest)
  })

  it('stores never as null, and other times to the second', async () => {
    assert.equal((await view(await postForm(server, [file]))).expiresAt, null)
    const at = '2100-03-04T05:06:07+02:00'
    for (const query of [at, encodeURIComponent(at)]) {
      assert.equal(
        (await view(await postForm(server, [file], `expiration=${query}`))).expiresAt,
        '2100-03-04T03:06:07.000Z',
      )
    }
  })

  it('takes the type of the part, and infers a generic type from the name', async () => {
    for (const [contentType, filename, shown] of [
      ['image/png', 'a.txt', 'image/png'],
      ['application/octet-stream', 'a.PNG', 'image/png'],
      ['application/octet-stream', 'no-extension', 'application/octet-stream'],
    ] as const) {
      const found = await view(await postForm(server, [{ ...file, filename, contentType }]))
      assert.equal(found.contentType, contentType)
      assert.equal((await server.guest(`/-${found.id}`)).headers.get('content-type'), shown)
    }
  })

  it('gives a raw body the default expiration of the settings', async () => {
    const { expiresAt } = await server.put('default.txt', 'text')
    const days = (Date.parse(expiresAt ?? '') - Date.now()) / 86_400_000
    assert.ok(Math.abs(days - 30) < 0.01)
    const given = await server.put('given.txt', 'text', '?expiration=2999-12-31T00:00:00Z&note=hello&maxDownloads=3')
    assert.deepEqual([given.expiresAt, given.note, given.maxDownloads], [null, 'hello', 3])
  })
})

describe('a client that vanishes', () => {
  for (const [what, headers, start] of [
    ['midway in a raw body', ['Content-Length: 1000000'], ''],
    ['midway in a chunked body', ['Transfer-Encoding: chunked'], '1000\r\n'],
  ] as const) {
    it(`${what} leaves nothing behind`, async () => {
      const listed = (await server.list()).total
      const head = requestHead(server, `PUT /api/files/gone?upload=vanished-1`, [...headers])
      const connection = new RawConnection(server, head + start + 'x'.repeat(1000))
      await eventually(() => partials().length === 1)
      connection.socket.destroy()
      await eventually(() => partials().length === 0)
      const events = await server.guest('/api/uploads/vanished-1/events')
      assert.match(events.text, /^event: failed\ndata: .*"UPLOAD_INTERRUPTED"/m)
      assert.equal((await server.list()).total, listed)
      assert.equal(storedFiles().length, listed)
    })
  }

  it('leaves nothing behind midway in a form', async () => {
    const listed = (await server.list()).total
    const form = encodeForm([{ name: 'file', filename: 'gone', content: bytes(500_000) }])
    const type = `Content-Type: multipart/form-data; boundary=${BOUNDARY}`
    const head = requestHead(server, `POST /api/entry?${NEVER}`, [type, `Content-Length: ${form.length}`])
    const connection = new RawConnection(server, head)
    connection.socket.write(form.subarray(0, 300_000))
    await eventually(() => partials().length === 1)
    connection.socket.destroy()
    await eventually(() => partials().length === 0)
    assert.equal((await server.list()).total, listed)
    assert.equal(storedFiles().length, listed)
  })
})
