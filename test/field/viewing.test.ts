/** What a browser shows of a file, and what it must not run: in Chromium. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { NO_BROWSER, openPage, type TestPage } from '../support/browser.ts'
import { startServer, temporaryFolder, type FileView, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent', '--fsync', 'false'] })
})
after(async () => server[Symbol.asyncDispose]())

async function put(name: string, body: string | Uint8Array<ArrayBuffer>, type: string): Promise<string> {
  const headers = { 'content-type': type, accept: 'application/json' }
  const answer = await server.owner(`/api/files/${name}`, { method: 'PUT', body, headers })
  return answer.json<FileView>().id
}

describe('the policy of a file', () => {
  it('follows its type, however that is spelt', async () => {
    const policyOf = async (type: string) =>
      (await server.guest(`/-${await put('file', 'x', type)}`)).headers.get('content-security-policy') ?? ''
    for (const type of [
      'video/webm',
      'audio/mpeg',
      'image/png',
      'application/pdf',
      'text/plain',
      'text/csv',
      'Image/PNG; a=b',
    ]) {
      assert.doesNotMatch(await policyOf(type), /sandbox/, type)
    }
    for (const type of [
      'text/html',
      'TEXT/HTML ; charset=utf-8',
      'image/svg+xml',
      'application/xhtml+xml',
      'text/xml',
      'application/xml',
      'text/xsl',
      'application/mathml+xml',
      'multipart/x-mixed-replace; boundary=x',
      'message/rfc822',
      'application/x-unheard-of',
    ]) {
      assert.match(await policyOf(type), /^sandbox/, type)
    }
  })

  it('lets other pages frame it, and never the app', async () => {
    const file = await server.guest(`/-${await put('a.txt', 'x', 'text/plain')}`)
    assert.equal(file.headers.get('x-frame-options'), null)
    for (const path of ['/', '/login', '/-abcdefghjk', '/api/session']) {
      assert.equal((await server.guest(path)).headers.get('x-frame-options'), 'DENY', path)
    }
  })
})

const isFfmpegThere = spawnSync('ffmpeg', ['-version']).error === undefined

describe('Chromium', { skip: NO_BROWSER }, () => {
  let opened: TestPage
  let page: Page
  before(async () => {
    opened = await openPage(server.url)
    page = opened.page
    const [name = '', value = ''] = server.cookie.split('=')
    // The owner is the worst visitor of a stranger's file.
    await page.context().addCookies([{ name, value, url: server.url }])
  })
  after(async () => opened[Symbol.asyncDispose]())

  function media(name: string, ...args: string[]): Uint8Array<ArrayBuffer> {
    const path = join(temporaryFolder(), name)
    execFileSync('ffmpeg', ['-v', 'error', ...args, '-t', '1', path])
    return new Uint8Array(readFileSync(path))
  }

  it('plays video and audio', { skip: !isFfmpegThere && 'ffmpeg is not installed' }, async () => {
    const webm = media('a.webm', '-f', 'lavfi', '-i', 'testsrc=size=64x64:rate=10', '-c:v', 'libvpx')
    const mp3 = media('a.mp3', '-f', 'lavfi', '-i', 'sine=frequency=440')
    for (const [name, body, type] of [
      ['a.webm', webm, 'video/webm'],
      ['a.mp3', mp3, 'audio/mpeg'],
    ] as const) {
      await page.goto(`${server.url}/-${await put(name, body, type)}`)
      await page.waitForFunction('document.querySelector("video,audio").readyState >= 2', null, { timeout: 10_000 })
    }
  })

  it('shows text as UTF-8, and in a frame of another page', async () => {
    const id = await put('a.txt', 'Grüße', 'text/plain')
    await page.goto(`${server.url}/-${id}`)
    assert.equal(await page.locator('body').innerText(), 'Grüße')
    const html = `<!doctype html><link rel="icon" href="data:,"><iframe src="${server.url}/-${id}"></iframe>`
    const other = createServer((_request, response) => response.setHeader('content-type', 'text/html').end(html))
    await once(other.listen(0, '127.0.0.1'), 'listening')
    await page.goto(`http://127.0.0.1:${(other.address() as AddressInfo).port}`)
    await page.frameLocator('iframe').locator('body', { hasText: 'Grüße' }).waitFor()
    other.close()
    other.closeAllConnections()
    opened.faults.length = 0
  })

  it('runs nothing that a stranger uploaded', async () => {
    const script = 'document.title="ran";fetch("/api/files").then(a=>document.title="read "+a.status)'
    const svg = `<svg xmlns="http://www.w3.org/2000/svg"><script>${script}</script></svg>`
    for (const [body, type] of [
      [`<html><body>page<script>${script}</script></body></html>`, 'text/html'],
      [svg, 'image/svg+xml'],
      [svg, 'application/xml'],
      [
        `<html xmlns="http://www.w3.org/1999/xhtml"><head><script>${script}</script></head></html>`,
        'application/xhtml+xml',
      ],
    ] as const) {
      await page.goto(`${server.url}/-${await put('evil', body, type)}`)
      await page.waitForTimeout(200)
      assert.doesNotMatch(await page.title(), /ran|read/, type)
    }
    const blocked = opened.faults.splice(0).filter((fault) => !fault.startsWith('Blocked script execution'))
    assert.deepEqual(blocked, [])
  })
})
