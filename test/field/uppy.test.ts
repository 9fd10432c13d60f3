/** Uppy on a page in Chromium, by tus and by form. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { rolldown } from 'rolldown'
import { NO_BROWSER, openPage, type TestPage } from '../support/browser.ts'
import { startServer, type FileView, type TestServer } from '../support/server.ts'

const SIZE_BYTES = 5_000_003
/** What uppy-page.js uploads, byte by byte. */
const contentByte = (index: number) => (index * 31 + (index >> 8)) % 256

async function bundlePage(): Promise<string> {
  const bundle = await rolldown({
    input: 'test/support/uppy-page.js',
    platform: 'browser',
    logLevel: 'silent',
  })
  const { output } = await bundle.generate({ format: 'iife' })
  await bundle.close()
  return output[0].code
}

let server: TestServer
let script: string
const sha256 = createHash('sha256').update(Uint8Array.from({ length: SIZE_BYTES }, (_, index) => contentByte(index)))
const expected = sha256.digest('hex')

describe('Uppy in Chromium', { skip: NO_BROWSER }, () => {
  before(async () => {
    server = await startServer({ args: ['--log-level', 'warn'] })
    script = await bundlePage()
  })
  after(async () => server[Symbol.asyncDispose]())

  async function ownersPage(): Promise<TestPage> {
    const opened = await openPage(server.url, { bypassCSP: true })
    const [name = '', value = ''] = server.cookie.split('=')
    await opened.page.context().addCookies([{ name, value, url: server.url }])
    await opened.page.goto(`${server.url}/files`)
    await opened.page.addScriptTag({ content: script })
    return opened
  }

  async function uploadBy(plugin: 'tus' | 'form', options: object, how: object = {}) {
    await using opened = await ownersPage()
    const call = `uploadBy(${JSON.stringify(plugin)}, ${JSON.stringify(options)}, ${JSON.stringify(how)})`
    return await opened.page.evaluate<{ answer: string; isPaused: boolean }>(call)
  }

  async function assertArrived(id: string): Promise<void> {
    const file = (await server.owner(`/api/files/${id}`)).json<FileView>()
    const { filename, contentType, sizeBytes } = file
    assert.deepEqual(
      { filename, contentType, sizeBytes, sha256: file.sha256 },
      { filename: 'Größe übel.bin', contentType: 'application/x-holdfast', sizeBytes: SIZE_BYTES, sha256: expected },
    )
  }

  it('uploads by tus', async () => {
    const { answer } = await uploadBy('tus', { endpoint: '/api/tus/' })
    await assertArrived(answer)
  })

  it('uploads by tus in chunks, with a pause in the middle', async () => {
    const options = { endpoint: '/api/tus/', chunkSize: 1_000_000 }
    const { answer, isPaused } = await uploadBy('tus', options, { pauseOnceAt: 2_000_000 })
    assert.ok(isPaused)
    await assertArrived(answer)
  })

  it('uploads by tus in parallel parts', async () => {
    const { answer } = await uploadBy('tus', { endpoint: '/api/tus/', parallelUploads: 3 })
    await assertArrived(answer)
  })

  it('uploads by form', async () => {
    const { answer } = await uploadBy('form', {
      endpoint: '/api/entry?expiration=2999-12-31T00:00:00Z',
      fieldName: 'file',
    })
    await assertArrived((JSON.parse(answer) as { id: string }).id)
  })

  for (const [name, stored] of [
    ['a"b.txt', 'a"b.txt'],
    ['a%22b.txt', 'a%22b.txt'],
    ['a\\\\b.txt', 'a\\\\b.txt'],
    ['folder/b.txt', 'b.txt'],
  ] as const)
    it(`uploads ${name} by form`, async () => {
      const endpoint = '/api/entry?expiration=2999-12-31T00:00:00Z'
      const { answer } = await uploadBy('form', { endpoint, fieldName: 'file' }, { name })
      const { id } = JSON.parse(answer) as { id: string }
      const { filename } = (await server.owner(`/api/files/${id}`)).json<FileView>()
      assert.equal(filename, stored)
    })
})
