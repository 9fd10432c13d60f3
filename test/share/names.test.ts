/** File names: names that are kept, names that are refused, and downloads that give the same name back. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { parse as parseDisposition } from 'content-disposition'
import * as fc from 'fast-check'
import { postForm } from '../support/forms.ts'
import { putJson, startServer, type FileView, type TestServer } from '../support/server.ts'

const KEPT = [
  'plain.txt',
  'Ünïcödé – 文件名.tar.gz',
  'עברית.txt',
  '😀👩‍👩‍👧‍👦.zip',
  'cafe\u0301.txt',
  `it's "quoted".txt`,
  '100%.txt',
  '%41%00%2e%2e.txt',
  'a#b?c;d&e=f,g.txt',
  ' leading and trailing ',
  '.hidden',
  'trailing.dot.',
  '-rf',
  '$(id) `id` |id.sh',
  '<script>alert(1).html',
  'a'.repeat(255),
  '..a',
  String.raw`a\b`,
  'é'.repeat(255),
  '😀'.repeat(255),
  'filename*=UTF-8\'\'x.txt; filename="y"',
  'CON.txt',
  '__proto__',
]
const REFUSED = [
  '',
  '.',
  '..',
  'a/b',
  'a\nb',
  'a\r\nSet-Cookie: x=y',
  'a\tb',
  'a\0b',
  '\u007f',
  'a'.repeat(256),
  'é'.repeat(256),
]

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent'] })
})
after(async () => server[Symbol.asyncDispose]())

async function nameOf(id: string): Promise<string> {
  return (await server.owner(`/api/files/${id}`)).json<FileView>().filename
}

/** The name under which a client would save the download. */
async function downloadedName(id: string): Promise<string | undefined> {
  const answer = await server.guest(`/-${id}?download`)
  const header = answer.headers.get('content-disposition') ?? ''
  assert.match(header, /^attachment/)
  // oxlint-disable-next-line no-control-regex -- that there are none is the point
  assert.doesNotMatch(header, /[^\u0020-\u007e]/)
  return parseDisposition(header).parameters.filename
}

describe('a name that is kept', () => {
  for (const name of KEPT) {
    it(JSON.stringify(name.slice(0, 40)), async () => {
      const raw = await server.put(name, 'text')
      assert.equal(raw.filename, name)
      assert.equal(await downloadedName(raw.id), name)
      const form = await postForm(server, [{ name: 'file', filename: name, content: 'text' }])
      assert.equal(form.status, 200, form.text)
      assert.equal(await nameOf(form.json<{ id: string }>().id), name)
      const changed = ['b', ...Array.from(name).slice(1)].join('')
      assert.equal((await server.owner(`/api/entry/${raw.id}`, putJson({ filename: changed }))).status, 200)
      assert.equal(await downloadedName(raw.id), changed)
    })
  }

  it('keeps any name of up to 255 bytes without slashes and control characters', async () => {
    const character = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 })
    const names = fc
      .array(character, { minLength: 1, maxLength: 40 })
      .map((characters) => characters.join(''))
      // oxlint-disable-next-line no-control-regex -- as in the rule that it mirrors
      .filter((name) => !/[\u0000-\u001f\u007f/\\]/.test(name) && !name.startsWith('..') && name !== '.')
    const property = fc.asyncProperty(names, async (name) => {
      const { id, filename } = await server.put(name, 'text')
      assert.equal(filename, name)
      assert.equal(await downloadedName(id), name)
    })
    await fc.assert(property, { numRuns: 60 })
  })
})

describe('refused', () => {
  for (const name of REFUSED) {
    it(JSON.stringify(name.slice(0, 40)), async () => {
      const { total } = await server.list()
      // Without a name the path is the path of the list, which takes no PUT body.
      const raw = await server.owner(`/api/files/${encodeURIComponent(name)}`, { method: 'PUT', body: 'text' })
      assert.ok(
        name === '.' || name === '..' ? [400, 404, 405].includes(raw.status) : raw.status === 400,
        `${raw.status}`,
      )
      const { id } = await server.put('before.txt', 'text')
      assert.equal((await server.owner(`/api/entry/${id}`, putJson({ filename: name }))).status, 400)
      assert.equal(await nameOf(id), 'before.txt')
      assert.equal((await server.list()).total, total + 1)
    })
  }

  it('is refused in a form too, where it is not a path', async () => {
    for (const filename of ['', '.', '..', 'a\tb', 'a\0b', '\u007f', 'a'.repeat(256)]) {
      const answer = await postForm(server, [{ name: 'file', filename, content: 'text' }])
      assert.equal(answer.status, 400, JSON.stringify(filename))
    }
    // A line break ends the header, so the name ends there too.
    for (const filename of ['a\nb', 'a\r\nX-Evil: 1']) {
      const answer = await postForm(server, [{ name: 'file', filename, content: 'text' }])
      if (answer.status === 200) assert.equal(await nameOf(answer.json<{ id: string }>().id), 'a')
      else assert.equal(answer.status, 400)
    }
  })
})

describe('paths', () => {
  it('are cut to their last part in a form', async () => {
    for (const [given, kept] of [
      ['../../etc/passwd', 'passwd'],
      ['/etc/shadow', 'shadow'],
      ['folder/file.txt', 'file.txt'],
    ] as const) {
      const answer = await postForm(server, [{ name: 'file', filename: given, content: 'text' }])
      assert.equal(answer.status, 200)
      assert.equal(await nameOf(answer.json<{ id: string }>().id), kept)
    }
  })

  it('never reach the disk', async () => {
    for (const path of ['..%2f..%2fevil', '%2fevil', '....//evil', '%2e%2e/%2e%2e/evil']) {
      const answer = await server.owner(`/api/files/${path}`, { method: 'PUT', body: 'text' })
      assert.ok(answer.status >= 400, path)
    }
    assert.equal((await server.owner('/api/files/..%5c..%5cevil', { method: 'PUT', body: 'text' })).status, 201)
    assert.ok(!existsSync(`${server.dataFolder}/../evil`) && !existsSync(`${server.dataFolder}/evil`))
    const stored = readdirSync(`${server.dataFolder}/files`, { recursive: true }).map(String)
    for (const path of stored) assert.match(path, /^[0-9a-f]{2}(\/[0-9a-f]{32})?$/)
  })

  it('give access to nothing outside the share', async () => {
    const attempts = [
      '/-../../etc/passwd',
      '/..%2f..%2fetc/passwd',
      '/assets/..%2f..%2fpackage.json',
      '/%2e%2e/package.json',
      '/-abcdefghjk/../../../etc/passwd',
      '/!..%2fholdfast.db',
      '/api/files/..%2fholdfast.db',
      '/g/..%2f..%2fpackage.json',
    ]
    for (const path of attempts) {
      const answer = await server.owner(path)
      assert.doesNotMatch(answer.text, /root:|"dependencies"|SQLite format/, path)
      assert.ok(answer.status >= 400 || answer.headers.get('content-type')?.includes('text/html'), path)
    }
  })
})

describe('headers', () => {
  it('cannot be injected by a content type', async () => {
    for (const contentType of ['text/html\u0001', 'a\u0080b', 'text/plain; x="\u00e9"', 'x'.repeat(5000)]) {
      const answer = await postForm(server, [{ name: 'file', filename: 'a.bin', contentType, content: 'text' }])
      assert.ok([200, 400].includes(answer.status), `${answer.status}`)
      if (answer.status !== 200) continue
      const download = await server.guest(`/-${answer.json<{ id: string }>().id}`)
      assert.equal(download.status, 200)
      assert.equal(download.text, 'text')
    }
  })
})
