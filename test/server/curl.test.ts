/** The habits of curl, with curl itself. */
import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { bytes } from '../support/bytes.ts'
import { NEVER } from '../support/forms.ts'
import { postJson, startServer, temporaryFolder, type FileView, type TestServer } from '../support/server.ts'

const hasCurl = spawnSync('curl', ['--version']).status === 0
const folder = temporaryFolder()
const at = (name: string) => join(folder, name)

let server: TestServer
let token: string
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent'] })
  token = (await server.owner('/api/tokens', postJson({ name: 'curl' }))).json<{ token: string }>().token
  writeFileSync(at('in.bin'), bytes(3_000_000))
})
after(async () => server[Symbol.asyncDispose]())

async function curl(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('curl', ['--silent', '--show-error', '--max-time', '20', ...args])
  return stdout
}

const authorized = () => ['-H', `Authorization: Bearer ${token}`]

describe('curl', { skip: hasCurl ? false : 'curl is not installed' }, () => {
  it('logs in with -d, keeps the cookie, and uploads with -F', async () => {
    await curl(
      '--fail',
      '-c',
      at('jar'),
      '-d',
      JSON.stringify({ sharedSecretKey: server.passphrase }),
      `${server.url}/api/auth`,
    )
    const answer = await curl(
      '--fail',
      '-b',
      at('jar'),
      '-F',
      `file=@${at('in.bin')}`,
      '-F',
      'note=by curl',
      `${server.url}/api/entry?${NEVER}`,
    )
    const { id } = JSON.parse(answer) as { id: string }
    await curl('--fail', '-o', at('out.bin'), `${server.url}/-${id}`)
    assert.ok(readFileSync(at('out.bin')).equals(bytes(3_000_000)))
    const file = (await server.owner(`/api/files/${id}`)).json<FileView>()
    assert.deepEqual([file.filename, file.note, file.contentType], ['in.bin', 'by curl', 'application/octet-stream'])
  })

  it('uploads with -T, told or chunked or from a pipe, with Expect: 100-continue', async () => {
    for (const args of [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect: 100-continue'], ['--http1.0']]) {
      const link = await curl('--fail', ...authorized(), ...args, '-T', at('in.bin'), `${server.url}/api/files/`)
      assert.match(link, new RegExp(`^${server.url}/-\\w{10}\r\n$`), args.join(' '))
      await curl('--fail', '-o', at('out.bin'), link.trim())
      assert.ok(readFileSync(at('out.bin')).equals(bytes(3_000_000)))
    }
  })

  it('uploads through a guest link and gets a line with the address', async () => {
    const made = await server.owner(
      '/api/guest-links',
      postJson({ urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '876000h0m0s' }),
    )
    const link = await curl(
      '--fail',
      '-F',
      `file=@${at('in.bin')}`,
      `${server.url}/api/guest/${made.json<{ id: string }>().id}`,
    )
    assert.match(link, new RegExp(`^${server.url}/-\\w{10}\r\n$`))
  })

  it('resumes a download with -C -, and saves under the right name with -OJ', async () => {
    const { id } = await server.put('naïve "file" 100%.bin', bytes(3_000_000))
    await curl('--fail', '-o', at('part.bin'), `${server.url}/-${id}`)
    truncateSync(at('part.bin'), 1_234_567)
    await curl('--fail', '-C', '-', '-o', at('part.bin'), `${server.url}/-${id}`)
    assert.ok(readFileSync(at('part.bin')).equals(bytes(3_000_000)))
    const plain = await server.put('plain.bin', 'text')
    await curl('--fail', '--output-dir', folder, '-OJ', `${server.url}/-${plain.id}`)
    assert.ok(existsSync(at('plain.bin')))
  })

  it('does not have to send a body that is refused', async () => {
    writeFileSync(at('big.bin'), '')
    truncateSync(at('big.bin'), 500_000_000)
    const report = await curl(
      '-H',
      'Expect: 100-continue',
      // Without it curl waits for a second only, and sends.
      '--expect100-timeout',
      '15',
      '-T',
      at('big.bin'),
      '-o',
      at('answer'),
      '-w',
      '%{http_code} %{size_upload}',
      `${server.url}/api/files/`,
    )
    assert.equal(report, '401 0')
  })

  it('gets the size by HEAD with -I', async () => {
    const { id } = await server.put('a.bin', bytes(1000))
    assert.match(await curl('-I', `${server.url}/-${id}`), /^HTTP\/1\.1 200[^]*content-length: 1000\r\n/i)
  })
})
