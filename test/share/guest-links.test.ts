/** Guest links: what may be made, what they let a guest do, and where they stop. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { bytes, generate, stream } from '../support/bytes.ts'
import { encodeForm, formHeaders, RawConnection, type Part } from '../support/forms.ts'
import {
  eventually,
  postJson,
  startServer,
  type FileView,
  type RequestOptions,
  type TestServer,
} from '../support/server.ts'

const HOUR_MS = 3_600_000
const GOOD = { urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '876000h0m0s' }

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent'] })
})
after(async () => server[Symbol.asyncDispose]())

async function link(limits: Record<string, unknown> = {}, at = server): Promise<string> {
  const answer = await at.owner('/api/guest-links', postJson({ ...GOOD, ...limits }))
  assert.equal(answer.status, 200, answer.text)
  const { id } = answer.json<{ id: string }>()
  assert.match(id, /^[a-km-zA-HJ-NP-Z2-9]{16}$/)
  return id
}

const TEXT: Part[] = [{ name: 'file', filename: 'guest.txt', content: 'text' }]

function upload(
  id: string,
  { parts = TEXT, query = '', ...options }: RequestOptions & { parts?: Part[]; query?: string } = {},
) {
  return server.guest(`/api/guest/${id}${query}`, {
    method: 'POST',
    body: encodeForm(parts),
    headers: formHeaders(),
    ...options,
  })
}

async function uploaded(id: string, options: Parameters<typeof upload>[1] = {}): Promise<FileView> {
  const answer = await upload(id, options)
  assert.equal(answer.status, 200, answer.text)
  return (await server.owner(`/api/files/${answer.json<{ id: string }>().id}`)).json()
}

const inHours = (hours: number) => new Date(Date.now() + hours * HOUR_MS).toISOString()

describe('a guest link is made', () => {
  for (const [what, body] of Object.entries({
    'the least': {},
    nulls: { label: null, maxFileBytes: null, maxFileUploads: null },
    'all limits': {
      label: 'For Ann',
      maxFileBytes: 1_048_576,
      maxFileUploads: 1,
      fileLifetime: '24h',
      urlExpirationTime: inHours(1.01),
    },
    'a label of 200 bytes': { label: 'é'.repeat(100) },
    "Go's durations": { fileLifetime: '720h0m0s' },
  })) {
    it(`with ${what}`, async () => assert.ok(await link(body)))
  }

  for (const [what, body] of Object.entries({
    'no url expiration': { urlExpirationTime: undefined },
    'an url expiration of null': { urlExpirationTime: null },
    'an url expiration that is empty': { urlExpirationTime: '' },
    'an url expiration too soon': { urlExpirationTime: inHours(0.9) },
    'an url expiration in the past': { urlExpirationTime: '2020-01-01T00:00:00Z' },
    'no file lifetime': { fileLifetime: undefined },
    'a file lifetime too short': { fileLifetime: '23h59m59s' },
    'a file lifetime that is negative': { fileLifetime: '-48h' },
    'a file lifetime that is not a duration': { fileLifetime: '30' },
    'a file lifetime that is a number': { fileLifetime: 30 },
    'a long label': { label: 'é'.repeat(101) },
    'a label that is a number': { label: 5 },
    'a small size': { maxFileBytes: 1_048_575 },
    'a size of 0': { maxFileBytes: 0 },
    'a size with a fraction': { maxFileBytes: 1_048_576.5 },
    'a size beyond all numbers': { maxFileBytes: 1e300 },
    'a size that is text': { maxFileBytes: '1048576' },
    'no uploads': { maxFileUploads: 0 },
    'negative uploads': { maxFileUploads: -1 },
    'half an upload': { maxFileUploads: 0.5 },
  })) {
    it(`not with ${what}`, async () => {
      assert.equal((await server.owner('/api/guest-links', postJson({ ...GOOD, ...body }))).status, 400)
    })
  }

  it('is not made without an expiration', async () => {
    const { text } = await server.owner('/api/guest-links', postJson({ ...GOOD, urlExpirationTime: '' }))
    assert.match(text, /^invalid urlExpirationTime: it is missing/)
  })

  it('is listed with all that is known', async () => {
    const id = await link({ label: 'Listed', maxFileBytes: 2_000_000, maxFileUploads: 5, fileLifetime: '720h' })
    await uploaded(id)
    const { guestLinks } = (await server.owner('/api/guest-links')).json<{ guestLinks: Record<string, unknown>[] }>()
    const { createdAt, ...found } = guestLinks.find((candidate) => candidate.id === id) ?? {}
    assert.ok(Math.abs(Date.parse(String(createdAt)) - Date.now()) < 60_000)
    assert.deepEqual(found, {
      id,
      label: 'Listed',
      urlExpiresAt: null,
      greeting: null,
      fileLifetime: '720h0m0s',
      maxFileBytes: 2_000_000,
      maxFileUploads: 5,
      uploadCount: 1,
      isDisabled: false,
      isActive: true,
      url: `${server.url}/g/${id}`,
    })
    assert.deepEqual((await server.guest(`/api/guest/${id}`)).json(), {
      id,
      greeting: null,
      isActive: true,
      maxFileBytes: 2_000_000,
      fileLifetime: '720h0m0s',
      uploadsLeft: 4,
    })
  })
})

describe('a guest', () => {
  it('gets JSON, or the link as a line of text', async () => {
    const id = await link()
    const json = await upload(id)
    assert.match(json.headers.get('content-type') ?? '', /^application\/json/)
    const { accept: _, ...headers } = formHeaders()
    const text = await upload(id, { headers: { ...headers, accept: '*/*' } })
    assert.match(text.headers.get('content-type') ?? '', /^text\/plain/)
    assert.match(text.text, new RegExp(`^${server.url}/-\\w{10}\r\n$`))
    assert.equal((await server.guest(new URL(text.text.trim()).pathname)).text, 'text')
  })

  it("has a file that is marked as the link's", async () => {
    const id = await link({ label: 'Ann' })
    assert.deepEqual((await uploaded(id)).guestLink, { id, label: 'Ann' })
  })

  it('may not leave a note', async () => {
    const id = await link()
    assert.equal((await upload(id, { query: '?note=hello' })).status, 400)
    assert.equal((await upload(id, { parts: [...TEXT, { name: 'note', content: 'hello' }] })).status, 400)
    assert.equal((await upload(id, { parts: [{ name: 'note', content: '' }, ...TEXT] })).status, 200)
  })

  it('may send everything that an owner may send', async () => {
    const id = await link()
    assert.equal((await upload(id, { parts: [{ name: 'file', filename: '', content: 'text' }] })).status, 400)
    assert.equal((await upload(id, { parts: [] })).status, 400)
    assert.equal((await upload(id, { body: 'text' })).status, 400)
  })

  it('is told 404 of an unknown link, 400 of a bad one', async () => {
    assert.equal((await upload('abcdefghjkmnpqrs')).status, 404)
    assert.equal((await upload('abc')).status, 400)
    assert.equal((await server.guest('/api/guest/abc')).status, 400)
  })

  it('chooses an expiration up to the lifetime of the link', async () => {
    const id = await link({ fileLifetime: '48h' })
    const longest = (await uploaded(id)).expiresAt ?? ''
    assert.ok(Math.abs(Date.parse(longest) - Date.now() - 48 * HOUR_MS) < 60_000)
    const chosen = inHours(5)
    assert.equal((await uploaded(id, { query: `?expiration=${chosen}` })).expiresAt, chosen)
    for (const beyond of [inHours(49), '2999-12-31T00:00:00Z', inHours(0.5), 'soon']) {
      assert.equal((await upload(id, { query: `?expiration=${beyond}` })).status, 400, beyond)
    }
    assert.equal((await uploaded(await link())).expiresAt, null)
  })
})

describe('the size limit', () => {
  const big = (size: number): Part[] => [{ name: 'file', filename: 'big', content: bytes(size) }]

  it('holds for declared lengths and for chunked bodies', async () => {
    const id = await link({ maxFileBytes: 1_048_576 })
    assert.equal((await upload(id, { parts: big(1_000_000) })).status, 200)
    assert.equal((await upload(id, { parts: big(1_048_577) })).status, 413)
    const body = () => stream([encodeForm(big(1_048_577))])
    assert.equal((await upload(id, { body: body(), duplex: 'half' })).status, 413)
    const { guestLinks } = (await server.owner('/api/guest-links')).json<{
      guestLinks: { id: string; uploadCount: number }[]
    }>()
    assert.equal(guestLinks.find((candidate) => candidate.id === id)?.uploadCount, 1)
  })

  it('ends an endless body soon, and takes no more of it while the disk is slow to remove what has come', async () => {
    const env = { NODE_OPTIONS: `--import ${import.meta.resolve('../helpers/slow-disk.ts')}` }
    await using slow = await startServer({ args: ['--log-level', 'silent'], env })
    const id = await link({ maxFileBytes: 1_048_576 }, slow)
    const head = encodeForm(big(1)).subarray(0, -30)
    function* endless() {
      yield head
      yield* generate(1e9)
    }
    const connection = new RawConnection(
      slow,
      `POST /api/guest/${id} HTTP/1.1\r\nHost: a\r\nContent-Type: ${formHeaders()['content-type']}\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    let sent = 0
    for (const chunk of endless()) {
      if (connection.socket.destroyed || connection.statuses.length > 0) break
      connection.socket.write(`${chunk.length.toString(16)}\r\n`)
      connection.socket.write(chunk)
      const isFull = !connection.socket.write('\r\n')
      sent += chunk.length
      if (isFull) await new Promise((resolve) => connection.socket.once('drain', resolve).once('close', resolve))
    }
    await eventually(() => connection.statuses.length > 0)
    assert.deepEqual(connection.statuses, [413])
    assert.ok(sent < 60_000_000, `${sent}`)
    connection.socket.destroy()
  })
})

describe('the upload limit', () => {
  it('counts the files that exist', async () => {
    const id = await link({ maxFileUploads: 2 })
    const first = await uploaded(id)
    await uploaded(id)
    assert.equal((await upload(id)).status, 401)
    assert.equal((await server.guest(`/api/guest/${id}`)).json().isActive, false)
    await server.owner(`/api/entry/${first.id}`, { method: 'DELETE' })
    assert.equal((await upload(id)).status, 200)
    assert.equal((await upload(id)).status, 401)
  })

  it('gives the last place to a single upload of many', async () => {
    const id = await link({ maxFileUploads: 1 })
    const total = (await server.list()).total
    const answers = await Promise.all(Array.from({ length: 8 }, () => upload(id)))
    const statuses = answers.map(({ status }) => status).toSorted((a, b) => a - b)
    assert.deepEqual(statuses, [200, 401, 401, 401, 401, 401, 401, 401])
    assert.equal((await server.list()).total, total + 1)
  })
})

describe('a link that is over', () => {
  it('is 401 after its time', async () => {
    const id = await link({ urlExpirationTime: inHours(2) })
    await uploaded(id)
    using database = server.database()
    database.prepare('update guest_links set url_expires_at = ? where id = ?').run(Date.now() - 1, id)
    assert.equal((await upload(id)).status, 401)
    assert.equal((await server.guest(`/api/guest/${id}`)).json().isActive, false)
  })

  it('is 401 while it is disabled', async () => {
    const id = await link()
    const turn = (action: string, link_ = id) => server.owner(`/api/guest-links/${link_}/${action}`, { method: 'PUT' })
    assert.equal((await turn('disable')).status, 204)
    assert.equal((await turn('disable')).status, 204)
    assert.equal((await upload(id)).status, 401)
    assert.equal((await turn('enable')).status, 204)
    assert.equal((await upload(id)).status, 200)
    assert.equal((await turn('enable', 'abcdefghjkmnpqrs')).status, 404)
    assert.equal((await turn('disable', 'abc')).status, 400)
  })

  it('is 404 after its deletion, and its files stay', async () => {
    const id = await link({ label: 'Gone' })
    const file = await uploaded(id)
    const remove = () => server.owner(`/api/guest-links/${id}`, { method: 'DELETE' })
    assert.equal((await remove()).status, 200)
    assert.equal((await remove()).status, 200)
    assert.equal((await upload(id)).status, 404)
    assert.equal((await server.guest(`/-${file.id}`)).text, 'text')
    await server.owner(`/api/guest-links/${id}?purge=true`, { method: 'DELETE' })
    assert.equal((await server.owner(`/api/files/${file.id}`)).json<FileView>().guestLink, null)
    assert.equal((await server.owner('/api/guest-links/abc', { method: 'DELETE' })).status, 400)
  })

  it('refuses a running upload and keeps nothing', async () => {
    const id = await link()
    const total = (await server.list()).total
    const form = encodeForm(TEXT)
    const head = `POST /api/guest/${id}?upload=deleted-link HTTP/1.1\r\nHost: a\r\nContent-Type: ${formHeaders()['content-type']}\r\nContent-Length: ${form.length}\r\n\r\n`
    const connection = new RawConnection(server, head)
    connection.socket.write(form.subarray(0, 50))
    await eventually(async () => (await server.guest('/api/metrics')).json().uploads_active === 1)
    await server.owner(`/api/guest-links/${id}`, { method: 'DELETE' })
    connection.socket.write(form.subarray(50))
    await eventually(() => connection.statuses.length > 0)
    assert.deepEqual(connection.statuses, [401])
    connection.socket.destroy()
    assert.equal((await server.list()).total, total)
  })
})
