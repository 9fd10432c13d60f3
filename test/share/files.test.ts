/** The owner's list: search, sort, pages, changes, deletion, expiry; and the settings. */
import assert from 'node:assert/strict'
import { existsSync, rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { bytes } from '../support/bytes.ts'
import { RawConnection, requestHead } from '../support/forms.ts'
import { eventually, putJson, startServer, type FileView, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent'] })
})
after(async () => server[Symbol.asyncDispose]())

const change = (id: string, body: unknown) => server.owner(`/api/entry/${id}`, putJson(body))
const view = async (id: string) => (await server.owner(`/api/files/${id}`)).json<FileView>()
const names = async (query: string) => (await server.list(query)).files.map(({ filename }) => filename)

describe('the list', () => {
  const given = [
    ['Zebra.txt', 5, 'STRASSE'],
    ['ärger ÜBER.txt', 3, ''],
    ['100%_sure.txt', 4, 'percent'],
    ['1000 sure.txt', 1, ''],
    [String.raw`back'slash"; drop table files--.txt`, 2, 'ΑΒΓ δεζ'],
  ] as const
  let listing: TestServer
  before(async () => {
    listing = await startServer({ args: ['--log-level', 'silent'] })
    for (const [name, size, note] of given) await listing.put(name, bytes(size), `?note=${encodeURIComponent(note)}`)
  })
  after(async () => listing[Symbol.asyncDispose]())

  const found = async (query: string) => {
    const { files, total, totalBytes } = await listing.list(query)
    return { names: files.map(({ filename }) => filename), total, totalBytes }
  }

  for (const [search, expected] of [
    ['zebra', ['Zebra.txt']],
    ['ZEBRA', ['Zebra.txt']],
    ['über', ['ärger ÜBER.txt']],
    ['ÄRGER', ['ärger ÜBER.txt']],
    ['strasse', ['Zebra.txt']],
    ['%', ['100%_sure.txt']],
    ['_', ['100%_sure.txt']],
    ['0%_s', ['100%_sure.txt']],
    ['1000', ['1000 sure.txt']],
    ['sure.txt 1000', ['1000 sure.txt']],
    ['αβγ', [String.raw`back'slash"; drop table files--.txt`]],
    [`slash"; drop`, [String.raw`back'slash"; drop table files--.txt`]],
    [`'`, [String.raw`back'slash"; drop table files--.txt`]],
    ['\\', []],
    ['zebra über', []],
    ['no such', []],
  ] as const) {
    it(`finds ${JSON.stringify(search)}`, async () => {
      const answer = await found(`?search=${encodeURIComponent(search)}`)
      assert.deepEqual(answer.names, expected)
      assert.equal(answer.total, expected.length)
    })
  }

  it('finds all without a search, and their bytes', async () => {
    for (const query of ['', '?search=', '?search=%20%20']) {
      const { total, totalBytes } = await found(query)
      assert.deepEqual([total, totalBytes], [5, 15])
    }
  })

  it('is sorted, the newest first unless told otherwise', async () => {
    const uploaded = given.map(([name]) => name)
    const bySize = [...given].toSorted((a, b) => a[1] - b[1]).map(([name]) => name)
    assert.deepEqual((await found('?order=asc')).names, uploaded)
    assert.deepEqual((await found('')).names, uploaded.toReversed())
    assert.deepEqual((await found('?sort=size&order=asc')).names, bySize)
    assert.deepEqual((await found('?sort=size')).names, bySize.toReversed())
    assert.deepEqual(
      (await found('?sort=name&order=asc')).names.map((name) => name[0]),
      ['1', '1', 'b', 'Z', 'ä'],
    )
    for (const sort of ['expires', 'downloads']) assert.equal((await found(`?sort=${sort}`)).total, 5)
  })

  it('comes in pages', async () => {
    const all = (await found('?sort=name&order=asc')).names
    const pages: string[] = []
    for (let offset = 0; offset < 6; offset += 2) {
      const page = await found(`?sort=name&order=asc&limit=2&offset=${offset}`)
      assert.equal(page.total, 5)
      pages.push(...page.names)
    }
    assert.deepEqual(pages, all)
    assert.deepEqual((await found('?limit=0')).names, [])
    assert.deepEqual((await found('?offset=100')).names, [])
  })

  for (const query of [
    'limit=-1',
    'limit=x',
    'limit=10001',
    'limit=1.5',
    'offset=-1',
    'sort=sha256',
    'order=up',
    `search=${'a'.repeat(201)}`,
    'search=a&search=b',
  ]) {
    it(`refuses ${query.slice(0, 30)}`, async () => {
      assert.equal((await listing.owner(`/api/files?${query}`)).status, 400)
    })
  }
})

describe('a file', () => {
  it('is shown with all that is known of it', async () => {
    const { id } = await server.put('shown.txt', 'hello', '?expiration=2100-01-01T00:00:00Z&note=hi')
    const { uploadedAt, ...shown } = await view(id)
    assert.ok(Math.abs(Date.parse(uploadedAt) - Date.now()) < 60_000)
    assert.deepEqual(shown, {
      id,
      filename: 'shown.txt',
      contentType: 'text/plain;charset=UTF-8',
      sizeBytes: 5,
      sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
      expiresAt: '2100-01-01T00:00:00.000Z',
      note: 'hi',
      guestLink: null,
      downloadCount: 0,
      maxDownloads: null,
      hasPassphrase: false,
      url: `${server.url}/-${id}`,
    })
    assert.equal((await server.owner('/api/files/abcdefghjk')).status, 404)
    assert.equal((await server.owner('/api/files/abc')).status, 400)
  })

  it('is changed as a whole, except for fields that PicoShare does not know', async () => {
    const { id } = await server.put('a.txt', 'text', '?note=old&maxDownloads=5')
    const expiration = '2100-01-01T00:00:00.000Z'
    const done = await change(id, { filename: 'b.txt', expiration, note: 'new' })
    assert.deepEqual([done.status, done.text], [200, ''])
    assert.deepEqual(pick(await view(id)), ['b.txt', expiration, 'new', 5, false])
    assert.equal((await change(id, { filename: 'c.txt' })).status, 200)
    assert.deepEqual(pick(await view(id)), ['c.txt', null, null, 5, false])
    assert.equal((await change(id, { filename: 'c.txt', expiration: '', note: '', maxDownloads: null })).status, 200)
    assert.deepEqual(pick(await view(id)), ['c.txt', null, null, null, false])
    assert.equal((await change(id, { filename: 'c.txt', downloadPassphrase: 'secret' })).status, 200)
    assert.equal((await change(id, { filename: 'd.txt' })).status, 200)
    assert.deepEqual(pick(await view(id)), ['d.txt', null, null, null, true])
    assert.equal((await change(id, { filename: 'd.txt', downloadPassphrase: null })).status, 200)
    assert.deepEqual(pick(await view(id)), ['d.txt', null, null, null, false])
  })

  const pick = (file: FileView) => [file.filename, file.expiresAt, file.note, file.maxDownloads, file.hasPassphrase]

  it('is not changed by invalid values', async () => {
    const { id } = await server.put('a.txt', 'text', '?note=old')
    const was = await view(id)
    for (const body of [
      {},
      { filename: '' },
      { filename: 5 },
      { filename: null },
      { filename: 'a', expiration: 'soon' },
      { filename: 'a', expiration: 5 },
      { filename: 'a', expiration: '2020-01-01T00:00:00Z' },
      { filename: 'a', note: 'null' },
      { filename: 'a', note: '<script>' },
      { filename: 'a', note: 'x'.repeat(501) },
      { filename: 'a', maxDownloads: 0 },
      { filename: 'a', maxDownloads: 1.5 },
      { filename: 'a', downloadPassphrase: 'x'.repeat(101) },
      [],
      null,
      'text',
    ]) {
      assert.equal((await change(id, body)).status, 400, JSON.stringify(body).slice(0, 60))
    }
    assert.deepEqual(await view(id), was)
    assert.equal((await change('abcdefghjk', { filename: 'a' })).status, 404)
    assert.equal((await change('abc', { filename: 'a' })).status, 400)
  })

  it('is changed by curl -d, whatever type that claims', async () => {
    const { id } = await server.put('a.txt', 'text')
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'APPLICATION/JSON; charset=utf-8']) {
      const options = {
        method: 'PUT',
        headers: { 'content-type': type },
        body: JSON.stringify({ filename: type.slice(0, 4) }),
      }
      assert.equal((await server.owner(`/api/entry/${id}`, options)).status, 200, type)
      assert.equal((await view(id)).filename, type.slice(0, 4))
    }
  })

  it('is deleted with its bytes, twice if need be', async () => {
    const { id } = await server.put('a.txt', 'text')
    const path = blobPath(id)
    assert.ok(existsSync(path))
    for (let round = 0; round < 2; round++) {
      const answer = await server.owner(`/api/entry/${id}?purge=true`, { method: 'DELETE' })
      assert.deepEqual([answer.status, answer.text], [200, ''])
    }
    assert.ok(!existsSync(path))
    assert.equal((await server.guest(`/-${id}`)).status, 404)
    assert.equal((await server.owner(`/api/files/${id}`)).status, 404)
  })

  it('can be downloaded to its end when it is deleted meanwhile', async () => {
    const content = bytes(20_000_000)
    const { id } = await server.put('a.bin', content)
    const response = await fetch(`${server.url}/-${id}`)
    await server.owner(`/api/entry/${id}?purge=true`, { method: 'DELETE' })
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), content)
  })

  for (const [damage, inflict] of Object.entries({ gone: rmSync, 'cut off': truncateSync })) {
    it(`is an error, unlike a missing file, when its bytes are ${damage}`, async () => {
      await using broken = await startServer()
      const { id } = await broken.put('a.txt', bytes(1000))
      inflict(blobPath(id, broken))
      const answer = await broken.guest(`/-${id}`)
      assert.equal(answer.status, 500)
      assert.match(answer.text, /bytes of the file \S+ are missing/)
      assert.doesNotMatch(answer.text, /ENOENT|files\//)
      assert.equal(answer.headers.get('etag'), null)
      await eventually(() => broken.log.includes(`the bytes of the file ${id} are missing`))
    })
  }

  it('cuts the download when its bytes end while they are sent', async () => {
    await using broken = await startServer()
    const { id } = await broken.put('a.bin', bytes(20_000_000))
    const response = await fetch(`${broken.url}/-${id}`)
    truncateSync(blobPath(id, broken), 19_999_999)
    await assert.rejects(response.arrayBuffer())
    await eventually(() => broken.log.includes('download cut short'))
  })
})

function blobPath(id: string, of = server): string {
  using database = of.database()
  const key = String(database.prepare('select blob_key from files where id = ?').get(id)?.blob_key)
  return join(of.dataFolder, 'files', key.slice(0, 2), key)
}

function expire(id: string): void {
  using database = server.database()
  database.prepare('update files set expires_at = ? where id = ?').run(Date.now() - 1, id)
}

function orphansOf(database: ReturnType<typeof server.database>): unknown[] {
  return database
    .prepare('select blob_key from orphaned_blobs')
    .all()
    .map((row) => row['blob_key'])
}

describe('an expired file', () => {
  it('is 404 at once, everywhere, though its bytes are still there', async () => {
    const { id } = await server.put('old.txt', 'text')
    const path = blobPath(id)
    expire(id)
    assert.ok(existsSync(path))
    for (const address of [
      `/-${id}`,
      `/!${id}`,
      `/-${id}/old.txt`,
      `/-${id}/unlock`,
      `/api/files/${id}`,
      `/api/files/${id}/downloads`,
    ]) {
      assert.equal((await server.owner(address)).status, 404, address)
    }
    assert.equal((await server.guest(`/-${id}`, { method: 'HEAD' })).status, 404)
    assert.equal((await server.guest(`/-${id}`, { headers: { range: 'bytes=0-1' } })).status, 404)
    assert.equal(
      (await server.guest(`/-${id}/unlock`, { method: 'POST', body: new URLSearchParams({ passphrase: 'x' }) })).status,
      404,
    )
    assert.ok(!(await names('?search=old.txt')).includes('old.txt'))
    assert.equal((await change(id, { filename: 'again.txt' })).status, 404)
    assert.equal((await server.owner(`/api/entry/${id}?purge=true`, { method: 'DELETE' })).status, 200)
    assert.ok(!existsSync(path))
  })

  it('is swept with its bytes, and orphans and leftovers with it; the rest stays', async () => {
    const args = ['--sweep-interval', '1s', '--keep-deleted', '1s', '--log-level', 'info']
    await using sweeping = await startServer({ args })
    const { mkdirSync, writeFileSync } = await import('node:fs')
    const [old, fresh] = [await sweeping.put('old.txt', 'text'), await sweeping.put('fresh.txt', 'text')]
    const upload = new RawConnection(sweeping, requestHead(sweeping, 'PUT /api/files/slow', ['Content-Length: 4']))
    await eventually(async () => (await sweeping.owner('/api/metrics')).json().uploads_active === 1)
    const [oldPath, freshPath] = [blobPath(old.id, sweeping), blobPath(fresh.id, sweeping)]
    const orphan = join(sweeping.dataFolder, 'files', 'ab', 'ab'.repeat(16))
    const leftover = join(sweeping.dataFolder, 'uploads', `${'cd'.repeat(16)}.part`)
    mkdirSync(join(orphan, '..'), { recursive: true })
    writeFileSync(orphan, 'orphan')
    writeFileSync(leftover, 'leftover')
    using database = sweeping.database()
    database.prepare('update files set expires_at = ? where id = ?').run(Date.now() - 1, old.id)
    await eventually(() => ![oldPath, leftover].some((path) => existsSync(path)))
    await eventually(() => orphansOf(database).length === 1)
    assert.deepEqual(orphansOf(database), ['ab'.repeat(16)])
    assert.ok(existsSync(orphan), 'bytes that belong to no file are kept for a while')
    assert.equal(database.prepare('select count(*) as count from files').get()?.count, 1)
    assert.ok(existsSync(freshPath))
    upload.socket.write('text')
    await eventually(() => upload.statuses.length > 0)
    assert.deepEqual(upload.statuses, [201])
    upload.socket.destroy()
  })

  it('returns once the database that knows it is put back', async () => {
    await using sweeping = await startServer({ args: ['--sweep-interval', '1s', '--log-level', 'warn'] })
    const file = await sweeping.put('kept.txt', 'kept')
    const path = blobPath(file.id, sweeping)
    using database = sweeping.database()
    database.exec('create temp table before as select * from files; delete from files')
    await eventually(() => orphansOf(database).length === 1)
    database.exec('insert into files select * from temp.before')
    await eventually(() => orphansOf(database).length === 0)
    assert.ok(existsSync(path))
    assert.equal((await sweeping.guest(`/-${file.id}`)).text, 'kept')
  })

  it('is not lost to a stranger among the stored bytes', async () => {
    await using sweeping = await startServer({ args: ['--sweep-interval', '1s', '--log-level', 'error'] })
    const { writeFileSync } = await import('node:fs')
    writeFileSync(join(sweeping.dataFolder, 'files', '.DS_Store'), 'of a desktop')
    const leftover = join(sweeping.dataFolder, 'uploads', `${'cd'.repeat(16)}.part`)
    writeFileSync(leftover, 'leftover')
    await eventually(() => !existsSync(leftover))
    const file = await sweeping.put('whole.txt', 'whole')
    assert.equal((await sweeping.guest(`/-${file.id}`)).text, 'whole')
  })

  it('is not resurrected: uploads during sweeps all stay whole', async () => {
    await using sweeping = await startServer({
      args: ['--sweep-interval', '1s', '--log-level', 'silent', '--fsync', 'false'],
    })
    const end = performance.now() + 3000
    let count = 0
    while (performance.now() < end) {
      const files = await Promise.all(
        Array.from({ length: 10 }, (_, index) => sweeping.put(`${index}`, bytes(300 + index))),
      )
      count += files.length
    }
    assert.equal((await sweeping.list('?limit=0')).total, count)
  })
})

describe('the settings', () => {
  const put = (body: unknown) => server.owner('/api/settings', putJson(body))

  it('are kept, and give raw uploads their expiration', async () => {
    assert.deepEqual((await server.owner('/api/settings')).json(), {
      defaultExpirationDays: 30,
      defaultNeverExpire: false,
    })
    const saved = await put({ defaultExpirationDays: 3650, defaultNeverExpire: false })
    assert.deepEqual([saved.status, saved.text], [200, ''])
    const days = (Date.parse((await server.put('a', 'x')).expiresAt ?? '') - Date.now()) / 86_400_000
    assert.ok(Math.abs(days - 3650) < 0.01)
    assert.equal((await put({ defaultExpirationDays: 1, defaultNeverExpire: true })).status, 200)
    assert.equal((await server.put('a', 'x')).expiresAt, null)
    assert.deepEqual((await server.owner('/api/settings')).json(), {
      defaultExpirationDays: 1,
      defaultNeverExpire: true,
    })
  })

  it('are refused when they make no sense', async () => {
    for (const body of [
      {},
      null,
      { defaultExpirationDays: 0, defaultNeverExpire: false },
      { defaultExpirationDays: 3651, defaultNeverExpire: false },
      { defaultExpirationDays: 1.5, defaultNeverExpire: false },
      { defaultExpirationDays: '7', defaultNeverExpire: false },
      { defaultExpirationDays: 7, defaultNeverExpire: 'false' },
      { someIrrelevantField: 'banana' },
    ]) {
      assert.equal((await put(body)).status, 400, JSON.stringify(body))
    }
  })
})
