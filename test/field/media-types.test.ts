/** The type of a file, from what its client says, its name and its bytes. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import * as fc from 'fast-check'
import { Utf8Check } from '../../src/share/media-type.ts'
import { encodeForm, formHeaders, NEVER } from '../support/forms.ts'
import { sendJson, startServer, temporaryFolder, type FileView, type TestServer } from '../support/server.ts'

const UMLAUTS = Buffer.from('Grüße')
const LATIN1 = Buffer.from('Grüße', 'latin1')
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

let server: TestServer
const folder = temporaryFolder()
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent', '--fsync', 'false'] })
})
after(async () => server[Symbol.asyncDispose]())

async function servedType(id: string): Promise<string | null> {
  return (await server.guest(`/-${id}`)).headers.get('content-type')
}

/** Uploads by raw PUT. @returns the type with which it is served. */
async function put(name: string, body: Buffer, type?: string): Promise<string | null> {
  const headers = { accept: 'application/json', ...(type !== undefined && { 'content-type': type }) }
  const answer = await server.owner(`/api/files/${name}`, { method: 'PUT', body: new Uint8Array(body), headers })
  assert.equal(answer.status, 201, answer.text)
  return await servedType(answer.json<FileView>().id)
}

/** Uploads by form. @returns the type with which it is served. */
async function post(filename: string, content: Buffer, contentType?: string): Promise<string | null> {
  const part = { name: 'file', filename, content, ...(contentType !== undefined && { contentType }) }
  const options = { method: 'POST', body: encodeForm([part]), headers: formHeaders() }
  return await servedType((await server.owner(`/api/entry?${NEVER}`, options)).json<{ id: string }>().id)
}

describe('a text', () => {
  it('is marked as UTF-8 when it is UTF-8', async () => {
    for (const [name, type] of [
      ['a.txt', 'text/plain'],
      ['a.csv', 'text/csv'],
      ['a.md', 'text/markdown'],
      ['a.json', 'application/json'],
    ] as const) {
      assert.equal(await put(name, UMLAUTS, type), `${type}; charset=utf-8`)
      assert.equal(await put(name, UMLAUTS), `${type}; charset=utf-8`)
      assert.equal(await post(name, UMLAUTS, type), `${type}; charset=utf-8`)
    }
  })

  it('is told by its bytes when its name is ambiguous', async () => {
    for (const name of ['a.ts', 'a.mts', 'a.rs']) assert.equal(await put(name, UMLAUTS), 'text/plain; charset=utf-8')
    assert.equal(await put('a.ts', UMLAUTS, 'video/mp2t'), 'text/plain; charset=utf-8')
    const stream = Buffer.concat([Buffer.from([0x47, 0x40, 0x11, 0x10]), Buffer.alloc(184, 0xff)])
    assert.equal(await put('a.ts', stream), 'video/mp2t')
  })

  it('claims no charset when it is not UTF-8', async () => {
    assert.equal(await put('a.txt', LATIN1, 'text/plain'), 'text/plain')
    assert.equal(await put('a.txt', LATIN1), 'text/plain')
    assert.equal(await put('a.txt', Buffer.from('\ufeffx', 'utf16le'), 'text/plain'), 'text/plain')
  })

  it('keeps the charset that its client gives', async () => {
    for (const type of ['text/plain;charset=UTF-8', 'text/plain; charset=iso-8859-1']) {
      assert.equal(await put('a.txt', UMLAUTS, type), type)
      assert.equal(await post('a.txt', UMLAUTS, type), type)
    }
  })

  it('is recognised however its bytes are cut', () => {
    const property = fc.property(fc.string({ unit: 'binary' }), fc.array(fc.nat(40)), (text, cuts) => {
      const bytes = Buffer.from(text)
      const check = new Utf8Check()
      let start = 0
      for (const cut of cuts) {
        check.update(bytes.subarray(start, start + cut))
        start += cut
      }
      check.update(bytes.subarray(start))
      assert.ok(check.isValid())
    })
    fc.assert(property)
    for (const bytes of [[0xc3], [0xe2, 0x82], [0xff], [0xc3, 0x28], [0x80]]) {
      const check = new Utf8Check()
      for (const byte of bytes) check.update(Buffer.from([byte]))
      assert.equal(check.isValid(), false, bytes.join())
    }
  })
})

describe('a client that says nothing of the type', () => {
  it('leaves the type to the name', async () => {
    for (const type of [
      undefined,
      'application/octet-stream',
      'application/octet-stream; charset=binary',
      'application/x-www-form-urlencoded',
      'binary/octet-stream',
      'application/force-download',
      'image/*',
      '*/*',
    ]) {
      assert.equal(await put('p.png', PNG, type), 'image/png')
      assert.equal(await post('p.png', PNG, type), 'image/png')
    }
    for (const type of ['nonsense', 'image/', 'image/png\u0007'])
      assert.equal(await post('p.png', PNG, type), 'image/png')
    assert.equal(await post('p.png', PNG), 'image/png')
    assert.equal(await put('no-extension', PNG), 'application/octet-stream')
  })

  it('may be curl, wget or Python', async (context) => {
    const path = join(folder, 'p.png')
    writeFileSync(path, PNG)
    const url = `${server.url}/api/files/p.png`
    const headers = ['-H', `Cookie: ${server.cookie}`, '-H', 'Accept: application/json']
    const id = (output: string) => (JSON.parse(output) as FileView).id
    const byCurl = execFileSync('curl', ['-sSf', '--data-binary', `@${path}`, '-X', 'PUT', ...headers, url], {
      encoding: 'utf8',
    })
    assert.equal(await servedType(id(byCurl)), 'image/png')
    const wget = [
      '-qO-',
      '--method=PUT',
      `--body-file=${path}`,
      `--header=Cookie: ${server.cookie}`,
      '--header=Accept: application/json',
      url,
    ]
    if (spawnSync('wget', ['--version']).status === 0) {
      assert.equal(await servedType(id(execFileSync('wget', wget, { encoding: 'utf8' }))), 'image/png')
    } else context.diagnostic('wget is not installed: not tried')
    const script = `import requests,sys
print(requests.post(sys.argv[1], headers={'Cookie': sys.argv[2]}, files={'file': open(sys.argv[3],'rb')}).json()['id'])`
    if (spawnSync('/usr/bin/python3', ['-c', 'import requests']).status !== 0) {
      context.diagnostic('python3-requests is not installed: not tried')
      return
    }
    const args = ['-c', script, `${server.url}/api/entry?${NEVER}`, server.cookie, path]
    assert.equal(await servedType(execFileSync('/usr/bin/python3', args, { encoding: 'utf8' }).trim()), 'image/png')
  })
})

describe('a type of unreasonable length', () => {
  it('is refused, for guests and for the owner', async () => {
    const link = { urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '720h' }
    const { id } = (await server.owner('/api/guest-links', sendJson('POST', link))).json<{ id: string }>()
    for (const [length, status] of [
      [255, 200],
      [256, 400],
      [15_000, 400],
    ] as const) {
      const contentType = `text/${'x'.repeat(length - 5)}`
      const body = encodeForm([{ name: 'file', filename: 'a', content: 'x', contentType }])
      const guest = await server.guest(`/api/guest/${id}`, { method: 'POST', body, headers: formHeaders() })
      assert.equal(guest.status, status, `${length}`)
    }
    const headers = { 'content-type': `text/${'x'.repeat(251)}` }
    assert.equal((await server.owner('/api/files/a', { method: 'PUT', body: 'x', headers })).status, 400)
  })
})
