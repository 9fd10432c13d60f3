/** A disk that answers EIO: refusals say so, nothing is half stored, and all works again with the disk. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, before, beforeEach, describe, it } from 'node:test'
import { failingDisk, type FailingCall } from '../helpers/failing-disk.ts'
import { bytes } from '../support/bytes.ts'
import { eventually, run, startServer, temporaryFolder, type TestServer } from '../support/server.ts'
import { beginUpload, fileId, offsetOf, patch } from '../support/tus.ts'

const disk = failingDisk(temporaryFolder())
const skip = disk ? false : 'a C compiler and LD_PRELOAD are needed to make a disk fail'
const JSON_ANSWER = { accept: 'application/json' }

describe('a disk that fails', { skip }, () => {
  let server: TestServer
  before(async () => {
    server = await startServer({ env: disk?.env ?? {}, args: ['--sweep-interval', '1s'] })
  })
  after(async () => {
    disk?.recover()
    assert.equal((await server.stop()).code, 0, server.log)
  })
  beforeEach(() => disk?.recover())

  const upload = async () =>
    server.owner('/api/files/a.bin', { method: 'PUT', body: bytes(700_000), headers: JSON_ANSWER })
  const ready = async () => {
    const { status, text } = await server.guest('/api/ready', { headers: JSON_ANSWER })
    assert.ok(!text.includes(server.dataFolder), text)
    return { status, text }
  }
  const unready = async (part: string) =>
    eventually(async () => {
      const { status, text } = await ready()
      return status === 503 && !text.includes(`"${part}":"ok"`)
    })
  const stored = () => {
    const names = readdirSync(server.dataFolder, { recursive: true }).map(String)
    return names.filter((name) => /[0-9a-f]{32}/.test(name)).length
  }
  const recovers = async () => {
    disk?.recover()
    await eventually(async () => (await ready()).status === 200)
    const again = await upload()
    assert.equal(again.status, 201, again.text)
    const { id } = again.json<{ id: string }>()
    assert.ok((await server.guest(`/-${id}`)).bytes.equals(bytes(700_000)))
  }

  const CASES: [string, FailingCall[], string, string][] = [
    ['writing a file', ['write'], '/uploads/', 'blobs'],
    ['waiting for the bytes of a file', ['sync'], '/uploads/', 'blobs'],
    ['moving a file to its place', ['rename'], '/files/', 'blobs'],
    ['waiting for the folder of a file', ['sync'], '/files', 'blobs'],
    ['writing the database', ['write'], 'holdfast.db', 'database'],
    ['waiting for the database', ['sync'], 'holdfast.db', 'database'],
    ['all that writes', ['write', 'sync', 'rename'], '/', 'blobs'],
  ]
  for (const [what, calls, part, check] of CASES) {
    it(`at ${what} refuses uploads in words and stores none in half`, async () => {
      const [known, blobs] = [(await server.list()).total, stored()]
      disk?.fail(calls, part === '/' ? server.dataFolder : part)
      const refused = await upload()
      assert.equal(refused.status, 503, refused.text)
      assert.equal(refused.json<{ error: { code: string } }>().error.code, 'DATA_FOLDER_UNUSABLE')
      assert.ok(!refused.text.includes(server.dataFolder), refused.text)
      await unready(check)
      assert.equal((await server.list()).total, known)
      await recovers()
      await eventually(() => stored() === blobs + 1)
      assert.equal((await server.list()).total, known + 1)
    })
  }

  it('at writing keeps of a resumable upload what was acknowledged', async () => {
    const content = bytes(900_000)
    const path = await beginUpload(server, content.length)
    assert.equal((await patch(server, path, 0, content.subarray(0, 300_000))).status, 204)
    for (const [calls, part] of [
      [['write'], '/uploads/'],
      [['sync'], '/uploads/'],
      [['write'], 'holdfast.db'],
    ] as const) {
      disk?.fail(calls, part)
      const refused = await patch(server, path, 300_000, content.subarray(300_000))
      assert.equal(refused.status, 503, refused.text)
      disk?.recover()
      assert.equal(await offsetOf(server, path), 300_000)
    }
    const whole = await patch(server, path, 300_000, content.subarray(300_000))
    assert.equal(whole.status, 204, whole.text)
    assert.ok((await server.guest(`/-${fileId(whole)}`)).bytes.equals(content))
  })

  it('at reading cuts the download, so that a part is never taken for the whole', async () => {
    const { id } = await server.put('b.bin', bytes(700_000))
    disk?.fail(['read'], '/files/')
    await assert.rejects(server.guest(`/-${id}`))
    disk?.recover()
    assert.ok((await server.guest(`/-${id}`)).bytes.equals(bytes(700_000)))
  })

  it('at reading or writing the database refuses a login in words and goes on with downloads', async () => {
    const { id } = await server.put('c.txt', 'text')
    disk?.fail(['write', 'sync'], 'holdfast.db')
    assert.equal((await server.guest(`/-${id}`)).text, 'text')
    const login = await server.guest('/api/auth', {
      method: 'POST',
      body: JSON.stringify({ sharedSecretKey: server.passphrase }),
      headers: { ...JSON_ANSWER, 'content-type': 'application/json' },
    })
    assert.equal(login.status, 503, login.text)
    assert.equal((await server.owner(`/api/entry/${id}`, { method: 'DELETE' })).status, 503)
    disk?.recover()
    assert.equal((await server.owner(`/api/entry/${id}`, { method: 'DELETE' })).status, 200)
  })

  it('at reading the database ends the start of a server in words', async () => {
    const dataFolder = temporaryFolder()
    await (await startServer({ dataFolder })).stop()
    disk?.fail(['read'], 'holdfast.db')
    const { code, stderr } = await run(['serve', '--data', dataFolder, '--port', '0'], disk?.env)
    assert.notEqual(code, 0)
    assert.match(stderr, /the database .*holdfast\.db cannot be used: disk I\/O error/)
    assert.doesNotMatch(stderr, /\n    at /)
  })
})
