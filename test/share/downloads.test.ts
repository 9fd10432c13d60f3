/** Downloads: whole, in parts, conditional; counted, limited and logged. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as fc from 'fast-check'
import { bytes, sha256 } from '../support/bytes.ts'
import { RawConnection } from '../support/forms.ts'
import { eventually, startServer, type Answer, type FileView, type TestServer } from '../support/server.ts'

const SIZE = 10_000
const CONTENT = bytes(SIZE)

let server: TestServer
let file: FileView
before(async () => {
  server = await startServer()
  file = await server.put('numbers.bin', CONTENT)
})
after(async () => server[Symbol.asyncDispose]())

const get = (headers: Record<string, string>, method = 'GET') => server.guest(`/-${file.id}`, { method, headers })

/** The parts of a multipart/byteranges answer (RFC 9110, section 14.6). */
function partsOf(answer: Answer): { range: string | undefined; content: Buffer }[] {
  const boundary = /^multipart\/byteranges; boundary=(\S+)$/.exec(answer.headers.get('content-type') ?? '')?.[1]
  assert.ok(boundary)
  assert.equal(Number(answer.headers.get('content-length')), answer.bytes.length)
  const pieces = answer.bytes.toString('latin1').split(`\r\n--${boundary}`)
  assert.equal(pieces[0], '')
  assert.equal(pieces.at(-1), '--\r\n')
  return pieces.slice(1, -1).map((piece) => {
    const end = piece.indexOf('\r\n\r\n')
    const head = piece.slice(0, end)
    assert.match(head, /content-type: application\/octet-stream/i)
    return {
      range: /content-range: (.*)/i.exec(head)?.[1]?.trim(),
      content: Buffer.from(piece.slice(end + 4), 'latin1'),
    }
  })
}

describe('a whole file', () => {
  it('comes with its size, type, name, validators and a sandbox', async () => {
    const { status, headers, bytes: body } = await get({})
    assert.equal(status, 200)
    assert.deepEqual(body, CONTENT)
    assert.equal(headers.get('content-length'), String(SIZE))
    assert.equal(headers.get('content-disposition'), 'inline; filename=numbers.bin')
    assert.equal(headers.get('etag'), `"${file.sha256}"`)
    assert.equal(headers.get('accept-ranges'), 'bytes')
    assert.equal(headers.get('content-security-policy'), 'sandbox')
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    const uploadedAt = Math.floor(Date.parse(file.uploadedAt) / 1000) * 1000
    assert.equal(Date.parse(headers.get('last-modified') ?? ''), uploadedAt)
  })

  it('comes at all its addresses', async () => {
    for (const path of [
      `/-${file.id}/anything`,
      `/-${file.id}/a/b%20c`,
      `/!${file.id}`,
      `/!${file.id}/x.bin`,
      `/-${file.id}?download`,
    ]) {
      assert.deepEqual((await server.guest(path)).bytes, CONTENT, path)
    }
  })

  it('is 400 with a bad id and 404 with an unknown one, in a sandbox too', async () => {
    for (const [path, status] of [
      ['/-abc', 400],
      ['/-abcdefghi1', 400],
      ['/!abc', 400],
      ['/-abcdefghjk', 404],
      ['/!abcdefghjk/x', 404],
    ] as const) {
      const answer = await server.guest(path)
      assert.equal(answer.status, status, path)
      assert.equal(answer.headers.get('content-security-policy'), 'sandbox')
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8')
    }
  })

  it('answers HEAD as GET of the whole file, without a body', async () => {
    for (const headers of [{}, { range: 'bytes=0-9' }, { range: 'bytes=99999-' }]) {
      const [head, full] = [await get(headers, 'HEAD'), await get({})]
      assert.equal(head.status, full.status)
      assert.equal(head.bytes.length, 0)
      for (const name of ['content-length', 'content-range', 'etag', 'last-modified']) {
        assert.equal(head.headers.get(name), full.headers.get(name), `${name} ${JSON.stringify(headers)}`)
      }
    }
  })

  it('survives clients that go away', async () => {
    const big = await server.put('big.bin', bytes(30_000_000))
    for (let round = 0; round < 5; round++) {
      const connection = new RawConnection(server, `GET /-${big.id} HTTP/1.1\r\nHost: a\r\n\r\n`)
      await eventually(() => connection.received.length > 0)
      connection.socket.destroy()
    }
    await eventually(async () => (await server.guest('/api/metrics')).json().downloads_active === 0)
    const response = await fetch(`${server.url}/-${big.id}`)
    assert.equal(await sha256(response.body ?? []), big.sha256)
  })
})

describe('a range', () => {
  const single: [string, number, number][] = [
    ['bytes=0-0', 0, 1],
    ['bytes=5-9', 5, 10],
    ['bytes=9990-', 9990, SIZE],
    ['bytes=0-', 0, SIZE],
    ['bytes=-1', SIZE - 1, SIZE],
    ['bytes=-20000', 0, SIZE],
    ['bytes=9999-20000', SIZE - 1, SIZE],
    ['bytes=0-99999999999999999999', 0, SIZE],
    ['bytes=0-4,5-9', 0, 10],
    ['bytes=3-9,0-5', 0, 10],
    ['bytes=0-9,20000-', 0, 10],
  ]
  for (const [range, start, end] of single) {
    it(`${range} is one part`, async () => {
      const answer = await get({ range })
      assert.equal(answer.status, 206)
      assert.equal(answer.headers.get('content-range'), `bytes ${start}-${end - 1}/${SIZE}`)
      assert.equal(answer.headers.get('content-length'), String(end - start))
      assert.deepEqual(answer.bytes, CONTENT.subarray(start, end))
    })
  }

  it('comes as multipart/byteranges with several parts', async () => {
    const answer = await get({ range: 'bytes=0-4, 100-199 ,-10' })
    assert.equal(answer.status, 206)
    assert.equal(answer.headers.get('content-range'), null)
    assert.deepEqual(partsOf(answer), [
      { range: `bytes 0-4/${SIZE}`, content: CONTENT.subarray(0, 5) },
      { range: `bytes 100-199/${SIZE}`, content: CONTENT.subarray(100, 200) },
      { range: `bytes 9990-9999/${SIZE}`, content: CONTENT.subarray(9990) },
    ])
  })

  for (const range of ['bytes=10000-', 'bytes=10000-10001,20000-', 'bytes=-0', 'bytes=9-5']) {
    it(`${range} is 416 with the size`, async () => {
      const answer = await get({ range })
      assert.equal(answer.status, 416)
      assert.equal(answer.headers.get('content-range'), `bytes */${SIZE}`)
      assert.equal(answer.headers.get('content-security-policy'), 'sandbox')
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8')
    })
  }

  const many = (count: number) =>
    `bytes=${Array.from({ length: count }, (_, index) => `${index * 10}-${index * 10}`).join(',')}`
  for (const range of ['bytes', 'items=0-5', 'bytes 0-5', '0-5', many(17), many(500)]) {
    it(`${range.slice(0, 30)} is ignored`, async () => {
      const answer = await get({ range })
      assert.equal(answer.status, 200)
      assert.deepEqual(answer.bytes, CONTENT)
    })
  }

  it('is served with 16 parts', async () => {
    assert.equal(partsOf(await get({ range: many(16) })).length, 16)
  })

  it('gives exactly the bytes that it names', async () => {
    const offset = fc.nat({ max: SIZE + 10 })
    const property = fc.asyncProperty(offset, offset, async (start, end) => {
      const answer = await get({ range: `bytes=${start}-${end}` })
      if (start >= SIZE || end < start) return assert.equal(answer.status, 416)
      assert.equal(answer.status, 206)
      assert.deepEqual(answer.bytes, CONTENT.subarray(start, end + 1))
    })
    await fc.assert(property, { numRuns: 50 })
  })
})

describe('conditions', () => {
  const range = 'bytes=0-4'
  const earlier = new Date(0).toUTCString()

  it('send the part with If-Range only of the same file', async () => {
    const modified = (await get({})).headers.get('last-modified') ?? ''
    for (const current of [`"${file.sha256}"`, modified]) {
      assert.equal((await get({ range, 'if-range': current })).status, 206, current)
    }
    for (const stale of ['"other"', `W/"${file.sha256}"`, earlier, 'nonsense']) {
      const answer = await get({ range, 'if-range': stale })
      assert.equal(answer.status, 200, stale)
      assert.deepEqual(answer.bytes, CONTENT)
    }
  })

  it('get 304 for an unchanged file', async () => {
    const modified = (await get({})).headers.get('last-modified') ?? ''
    const same: Record<string, string>[] = [
      { 'if-none-match': `"${file.sha256}"` },
      { 'if-none-match': `"a", W/"${file.sha256}"` },
      { 'if-none-match': '*' },
      { 'if-modified-since': modified },
      { 'if-modified-since': new Date(Date.now() + 1e6).toUTCString() },
      { 'if-none-match': `"${file.sha256}"`, 'if-modified-since': earlier },
      { 'if-none-match': `"${file.sha256}"`, range },
    ]
    for (const headers of same) {
      const answer = await get(headers)
      assert.equal(answer.status, 304, JSON.stringify(headers))
      assert.equal(answer.bytes.length, 0)
      assert.equal(answer.headers.get('etag'), `"${file.sha256}"`)
    }
    const other: Record<string, string>[] = [
      { 'if-none-match': '"other"' },
      { 'if-modified-since': earlier },
      { 'if-modified-since': 'nonsense' },
      { 'if-none-match': '"other"', 'if-modified-since': modified },
    ]
    for (const headers of other) assert.equal((await get(headers)).status, 200, JSON.stringify(headers))
  })
})

describe('a download limit', () => {
  const limited = (limit: number) => server.put('limited.bin', CONTENT, `?maxDownloads=${limit}`)

  it('is never exceeded, by downloads side by side either', async () => {
    const { id } = await limited(3)
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.guest(`/-${id}`)))
    const statuses = answers.map(({ status }) => status)
    assert.deepEqual(
      [statuses.filter((status) => status === 200).length, statuses.filter((status) => status === 410).length],
      [3, 17],
    )
    assert.equal((await server.owner(`/api/files/${id}`)).json<FileView>().downloadCount, 3)
  })

  it('lets a download continue, and does not count HEAD and 304', async () => {
    const { id, sha256: hash } = await limited(1)
    assert.equal((await server.guest(`/-${id}`, { method: 'HEAD' })).status, 200)
    assert.equal((await server.guest(`/-${id}`, { headers: { 'if-none-match': `"${hash}"` } })).status, 304)
    assert.equal((await server.guest(`/-${id}`, { headers: { range: 'bytes=99999-' } })).status, 416)
    assert.equal((await server.guest(`/-${id}`, { headers: { range: 'bytes=0-99' } })).status, 206)
    for (const range of ['bytes=100-', 'bytes=0-', 'bytes=5-5,0-3', 'bytes=-100']) {
      assert.equal((await server.guest(`/-${id}`, { headers: { range } })).status, 206, range)
    }
    assert.equal((await server.guest(`/-${id}`)).status, 410)
  })

  it('counts a later part of a download that was never begun', async () => {
    const { id } = await limited(1)
    assert.equal((await server.guest(`/-${id}`, { headers: { range: 'bytes=100-' } })).status, 206)
    assert.equal((await server.guest(`/-${id}`, { headers: { 'user-agent': 'another' } })).status, 410)
  })
})

describe('the access log', () => {
  it('has time, address and program of each download, the newest first', async () => {
    const { id } = await server.put('logged.bin', CONTENT)
    const began = Date.now()
    for (const agent of ['first/1', 'second/2\u00e9', 'x'.repeat(2000)]) {
      await server.guest(`/-${id}`, { headers: { 'user-agent': agent } })
      await sleep(5)
    }
    await server.guest(`/-${id}`, { method: 'HEAD' })
    const answer = await server.owner(`/api/files/${id}/downloads`)
    const { downloads, total } = answer.json<{
      downloads: { at: string; clientIp: string; userAgent: string }[]
      total: number
    }>()
    assert.equal(total, 3)
    assert.deepEqual(
      downloads.map(({ userAgent }) => userAgent.slice(0, 6)),
      ['xxxxxx', 'second', 'first/'],
    )
    for (const { at, clientIp } of downloads) {
      assert.equal(clientIp, '127.0.0.1')
      assert.ok(Date.parse(at) >= began - 1 && Date.parse(at) <= Date.now())
    }
    assert.equal((await server.owner('/api/files/abcdefghjk/downloads')).status, 404)
    assert.equal((await server.owner('/api/files/abc/downloads')).status, 400)
  })

  it('has every one of many downloads that begin at once, of files with a limit and without', async () => {
    const [free, limited] = [
      await server.put('free.txt', 'free'),
      await server.put('two.txt', 'two', '?maxDownloads=2'),
    ]
    const urls = Array.from({ length: 60 }, (_, index) => `/-${index % 10 === 0 ? limited.id : free.id}`)
    const agent = (index: number) => ({ headers: { 'user-agent': `agent ${index}` } })
    const answers = await Promise.all(urls.map(async (url, index) => server.guest(url, agent(index))))
    assert.equal(answers.filter(({ status }) => status === 200).length, 56)
    for (const [{ id }, count] of [
      [free, 54],
      [limited, 2],
    ] as const) {
      const log = (await server.owner(`/api/files/${id}/downloads`)).json<{ downloads: { userAgent: string }[] }>()
      assert.equal(new Set(log.downloads.map(({ userAgent }) => userAgent)).size, count)
      assert.equal((await server.owner(`/api/files/${id}`)).json<FileView>().downloadCount, count)
    }
  })

  it('has a line in the log of the server for each request, downloads too', async () => {
    const { id } = await server.put('line.bin', CONTENT)
    await server.guest(`/-${id}`)
    await eventually(() => server.log.includes(`"method":"GET","path":"/-${id}","status":200`))
  })
})
