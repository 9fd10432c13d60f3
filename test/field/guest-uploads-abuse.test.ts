/** What guests can make a link hold: unfinished uploads count as what they will be. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { bytes } from '../support/bytes.ts'
import { startServer, type Body, type TestServer } from '../support/server.ts'
import { guestLink, metadata, OCTETS, startPatch } from '../support/tus.ts'

const MIB = 2 ** 20
const MB = 1_000_000

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'warn', '--sweep-interval', '1s'] })
})
after(async () => server[Symbol.asyncDispose]())

const partials = () => readdirSync(join(server.dataFolder, 'uploads')).length

type Headers = Record<string, string>

async function ask(method: string, path: string, headers: Headers, body?: Body) {
  const all = { 'tus-resumable': '1.0.0', ...headers }
  return await server.guest(path, { method, headers: all, ...(body !== undefined && { body, duplex: 'half' }) })
}

async function begin(link: string, headers: Headers, body?: Body) {
  const more = body === undefined ? {} : { 'content-type': OCTETS }
  const named = { 'upload-metadata': metadata({ filename: 'g.bin' }) }
  return await ask('POST', `/api/guest/${link}/tus/`, { ...named, ...more, ...headers }, body)
}

const part = (path: string, offset: number, body: Body, more: Headers = {}) =>
  ask('PATCH', path, { 'upload-offset': `${offset}`, 'content-type': OCTETS, ...more }, body)

async function times<T>(count: number, task: () => Promise<T>): Promise<T[]> {
  return await Promise.all(Array.from({ length: count }, task))
}

/** Lets time pass for all that rests. */
function age(ms: number): void {
  using database = server.database()
  database.prepare('update resumable_uploads set expires_at = expires_at - ?').run(ms)
}

describe("a guest link's unfinished uploads", () => {
  it('are as many as files are left, begun one after the other or all at once', async () => {
    const link = await guestLink(server, { maxFileUploads: 1, maxFileBytes: 10 * MIB })
    const earlier = partials()
    const begun = await times(40, async () => begin(link, { 'upload-length': `${5 * MB}` }))
    const statuses = begun.map(({ status }) => status).toSorted((a, b) => a - b)
    assert.deepEqual(statuses, [201, ...Array.from({ length: 39 }, () => 429)])
    const refused = await begin(link, { 'upload-length': `${5 * MB}` }, bytes(1000))
    assert.equal(refused.status, 429)
    assert.match(refused.text, /takes 1 more file, and 1 upload through it is unfinished/)
    assert.ok(Number(refused.headers.get('retry-after')) > 0)
    assert.equal(partials(), earlier + 1)
  })

  it('take no more bytes together than the link allows, in parts or in one', async () => {
    const link = await guestLink(server, { maxFileUploads: 1, maxFileBytes: MIB })
    const half = { 'upload-length': `${MIB / 2}`, 'upload-concat': 'partial' }
    assert.equal((await begin(link, half)).status, 201)
    assert.equal((await begin(link, half)).status, 201)
    assert.equal((await begin(link, { ...half, 'upload-length': '1' })).status, 429)
    assert.equal((await begin(link, { 'upload-length': '1' })).status, 429)
  })

  it('count as the largest allowed file without a length, and end there', async () => {
    const link = await guestLink(server, { maxFileUploads: 1, maxFileBytes: MIB })
    const deferred = { 'upload-defer-length': '1' }
    const first = await begin(link, deferred)
    assert.equal(first.status, 201)
    assert.equal((await begin(link, { ...deferred, 'upload-concat': 'partial' })).status, 429)
    const path = first.headers.get('location') ?? ''
    assert.equal((await part(path, 0, bytes(MIB + 1))).status, 413)
    assert.equal((await part(path, 0, bytes(MIB))).status, 204)
    assert.equal((await part(path, MIB, 'x')).status, 413)
    assert.equal((await part(path, MIB, '', { 'upload-length': `${MIB + 1}` })).status, 413)
    assert.equal((await part(path, MIB, '', { 'upload-length': `${MIB}` })).status, 204)
    assert.equal((await begin(link, deferred)).status, 401, 'used up')
  })

  it('stop counting when they are given up, finished or expired', async () => {
    const link = await guestLink(server, { maxFileUploads: 2, maxFileBytes: MIB })
    const [whole, half] = [{ 'upload-length': '4' }, { 'upload-length': '8' }]
    const first = (await begin(link, half, 'text')).headers.get('location') ?? ''
    const second = (await begin(link, half, 'text')).headers.get('location') ?? ''
    assert.equal((await begin(link, whole)).status, 429)
    assert.equal((await ask('DELETE', second, {})).status, 204)
    assert.equal((await begin(link, whole, 'text')).status, 201)
    assert.equal((await begin(link, whole)).status, 429, 'one file is left, and the first upload is to be it')
    age(25 * 3_600_000)
    assert.equal((await begin(link, whole, 'text')).status, 201)
    assert.equal((await ask('HEAD', first, {})).status, 404)
  })

  it('make room after a minute without a byte, so that a lost answer does not use up the link', async () => {
    const link = await guestLink(server, { maxFileUploads: 1 })
    const lost = (await begin(link, { 'upload-length': '4' })).headers.get('location') ?? ''
    assert.equal((await begin(link, { 'upload-length': '4' })).status, 429)
    age(61_000)
    const second = (await begin(link, { 'upload-length': '4' })).headers.get('location') ?? ''
    assert.equal((await ask('HEAD', lost, {})).status, 404)
    assert.equal((await part(second, 0, 'te')).status, 204)
    age(61_000)
    assert.equal((await begin(link, { 'upload-length': '4' })).status, 429, 'acknowledged bytes stay')
    assert.equal((await part(second, 2, 'xt')).status, 204)
  })

  it('go no further once the link is disabled', async () => {
    const link = await guestLink(server, {})
    const path = (await begin(link, { 'upload-length': '8' }, 'text')).headers.get('location') ?? ''
    await server.owner(`/api/guest-links/${link}/disable`, { method: 'PUT' })
    assert.equal((await part(path, 4, 'more')).status, 401)
    assert.equal((await begin(link, { 'upload-length': '4' })).status, 401)
  })

  it('are a thousand at most, on a link without limits', async () => {
    const link = await guestLink(server, {})
    const statuses = new Map<number, number>()
    for (let round = 0; round < 26; round++) {
      for (const { status } of await times(40, async () => begin(link, { 'upload-length': '1' }))) {
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    assert.deepEqual(
      [...statuses],
      [
        [201, 1000],
        [429, 40],
      ],
    )
    await server.owner(`/api/guest-links/${link}`, { method: 'DELETE' })
  })

  it('cannot be begun and given up endlessly', async () => {
    const link = await guestLink(server, {})
    const statuses = new Set<number>()
    for (let round = 0; round < 26; round++) {
      await times(40, async () => {
        const { status, headers } = await begin(link, { 'upload-length': '1' })
        statuses.add(status)
        if (status === 201) await ask('DELETE', headers.get('location') ?? '', {})
      })
    }
    assert.deepEqual([...statuses], [201, 429])
  })

  it('do not promise the same space twice, and leave space to the owner', async () => {
    const { disk } = (await server.owner('/api/system')).json<{ disk: { freeBytes: number } }>()
    const link = await guestLink(server, {})
    const most = Math.floor(disk.freeBytes * 0.6)
    assert.equal((await begin(link, { 'upload-length': `${most}` })).status, 201)
    assert.equal((await begin(link, { 'upload-length': `${most}` })).status, 507)
    await server.put('small.txt', 'text')
  })

  it('let many files through at the pace of an honest client', async () => {
    const link = await guestLink(server, { maxFileBytes: MIB })
    for (let round = 0; round < 10; round++) {
      const answers = await times(20, async () => begin(link, { 'upload-length': '4' }, 'text'))
      assert.ok(answers.every(({ status }) => status === 201))
    }
  })
})

describe('a client that comes back on another connection', () => {
  it('is told of every byte that it had sent before its reset', async () => {
    const link = await guestLink(server, {})
    const content = bytes(3 * MIB)
    for (let round = 0; round < 10; round++) {
      const created = await begin(link, { 'upload-length': `${content.length}` })
      const path = created.headers.get('location') ?? ''
      const connection = startPatch(server, path, 0, content.length)
      const sent = 1_000_000 + round
      await new Promise((resolve) => connection.socket.write(content.subarray(0, sent), resolve))
      connection.socket.resetAndDestroy()
      const head = await ask('HEAD', path, {})
      const offset = Number(head.headers.get('upload-offset'))
      const rest = await part(path, offset, content.subarray(offset))
      assert.equal(rest.status, 204, `offset ${offset}: ${rest.text}`)
    }
  })
})
