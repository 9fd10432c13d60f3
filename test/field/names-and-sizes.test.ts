/** Files that people have: empty ones, long names, names that look like paths. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parse as parseDisposition } from 'content-disposition'
import { encodeForm, formHeaders, postForm } from '../support/forms.ts'
import { sendJson, startServer, temporaryFolder, type FileView, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent', '--fsync', 'false'] })
})
after(async () => server[Symbol.asyncDispose]())

describe('an empty file', () => {
  it('is stored and served, by curl and by a form of a guest', async () => {
    const path = join(temporaryFolder(), '__init__.py')
    writeFileSync(path, '')
    const args = ['-sSf', '-b', server.cookie, '-H', 'Accept: application/json', '-T', path, `${server.url}/api/files/`]
    const file = JSON.parse(execFileSync('curl', args, { encoding: 'utf8' })) as FileView
    assert.deepEqual([file.filename, file.sizeBytes], ['__init__.py', 0])
    const answer = await server.guest(`/-${file.id}`)
    assert.deepEqual([answer.status, answer.headers.get('content-length'), answer.text], [200, '0', ''])
    const link = { urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '720h' }
    const { id } = (await server.owner('/api/guest-links', sendJson('POST', link))).json<{ id: string }>()
    const body = encodeForm([{ name: 'file', filename: 'empty', content: '' }])
    assert.equal((await server.guest(`/api/guest/${id}`, { method: 'POST', body, headers: formHeaders() })).status, 200)
  })

  it("is refused on PicoShare's route, as there", async () => {
    assert.equal((await postForm(server, [{ name: 'file', filename: 'empty', content: '' }])).status, 400)
  })
})

describe('a name', () => {
  const taken = [
    '日'.repeat(90),
    '日'.repeat(255),
    '😀'.repeat(255),
    '...And Justice for All.mp3',
    '..hidden.txt',
    String.raw`a\b.txt`,
    'inv\u202efdp.exe',
  ]
  it('is kept and given back as it is', async () => {
    for (const name of taken) {
      const { id, filename } = await server.put(name, 'x')
      assert.equal(filename, name)
      const disposition = (await server.guest(`/-${id}`)).headers.get('content-disposition') ?? ''
      assert.equal(parseDisposition(disposition).parameters.filename, name)
    }
  })

  it('is refused when it is a folder, or longer than 255 characters', async () => {
    for (const name of ['.', '..', 'a/b', 'a'.repeat(256), '日'.repeat(256), 'a\u0000b']) {
      const answer = await server.owner(`/api/files/${encodeURIComponent(name)}`, { method: 'PUT', body: 'x' })
      assert.ok([400, 404].includes(answer.status), `${name}: ${answer.status}`)
    }
  })
})
