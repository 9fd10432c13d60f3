/** The app in browsers as people have them: old ones, Safari's habits, plain http, scripts that do not run. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { NO_BROWSER, openPage } from '../support/browser.ts'
import { startServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer()
})

async function logIn(page: Page, next = '/'): Promise<void> {
  await page.goto(`${server.url}/login?next=${encodeURIComponent(next)}`)
  await page.getByLabel('Passphrase').fill(server.passphrase)
  await page.keyboard.press('Enter')
  await page.locator('.places').waitFor()
}

describe('the app on a home screen', () => {
  it('has a favicon, a touch icon and a manifest whose icons are there', async () => {
    const types = {
      '/favicon.ico': /icon/,
      '/apple-touch-icon.png': /^image\/png/,
      '/manifest.webmanifest': /^application\/manifest\+json/,
    }
    for (const [path, type] of Object.entries(types)) {
      const answer = await server.guest(path)
      assert.equal(answer.status, 200, path)
      assert.match(answer.headers.get('content-type') ?? '', type)
    }
    const manifest = (await server.guest('/manifest.webmanifest')).json<{ icons: { src: string; sizes: string }[] }>()
    for (const { src, sizes } of manifest.icons) {
      const { status, bytes } = await server.guest(`/${src}`)
      assert.equal(status, 200, src)
      if (src.endsWith('.png')) assert.equal(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`, sizes)
    }
  })

  it('can be installed as far as Chromium can tell', { skip: NO_BROWSER }, async () => {
    await using opened = await openPage(server.url)
    await opened.page.goto(server.url)
    const devtools = await opened.page.context().newCDPSession(opened.page)
    const { errors, url } = await devtools.send('Page.getAppManifest')
    assert.deepEqual([errors, url], [[], `${server.url}/manifest.webmanifest`])
  })
})

/** Safari's habit: a click on a button does not focus it. And plain http: there is no clipboard object. */
const LIKE_SAFARI_OVER_HTTP = `
  delete Navigator.prototype.clipboard
  document.addEventListener('mousedown', (event) => event.target.closest('button') && event.preventDefault(), true)
`

describe(
  'copying in a dialog over plain http, in a browser that focuses no clicked button',
  { skip: NO_BROWSER },
  () => {
    it('copies, says so only then, and the opener gets the focus back', async () => {
      await using opened = await openPage(server.url)
      const { page } = opened
      await page.addInitScript(LIKE_SAFARI_OVER_HTTP)
      await logIn(page, '/settings')
      await page.getByLabel('Name of a new token').fill('copied')
      await page.getByRole('button', { name: 'Create' }).click()
      const token = await page.locator('.secret').textContent()
      await page.getByRole('button', { name: 'Copy token' }).click()
      await page.getByRole('button', { name: 'Copied', exact: true }).waitFor()
      assert.equal(await pasted(page), token)
      await page.getByRole('button', { name: 'Done' }).click()
      await page.waitForFunction('document.activeElement?.textContent === "Create"')
    })

    it('says that it did not work when nothing is copied', async () => {
      await using opened = await openPage(server.url)
      const { page } = opened
      await page.addInitScript(LIKE_SAFARI_OVER_HTTP)
      // As where a policy forbids it: the command says yes, and no copying happens.
      await page.addInitScript('Document.prototype.execCommand = () => true')
      const { id } = await server.put('linked.txt', 'text')
      await logIn(page, `/files/${id}/info`)
      await page.getByRole('button', { name: 'QR code' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Copy link' }).click()
      await page.getByText('The browser did not allow copying.').waitFor()
      assert.equal(await page.getByText('Copied').count(), 0)
      await page.keyboard.press('Escape')
      await page.waitForFunction('document.activeElement?.textContent === "QR code"')
    })
  },
)

describe('links that the page shows', { skip: NO_BROWSER }, () => {
  it("have the page's own address, also behind a proxy that tells the server another one", async () => {
    const { id } = await server.put('proxied.txt', 'text')
    await using proxy = await rewritingProxy(server.port)
    await using opened = await openPage(proxy.url)
    const { page } = opened
    const [name = '', value = ''] = server.cookie.split('=')
    await page.context().addCookies([{ name, value, url: proxy.url }])
    await page.goto(`${proxy.url}/files/${id}/info`)
    await page.getByText(`${proxy.url}/-${id}/proxied.txt`, { exact: true }).waitFor()
    const link = await opened.copiedBy(page.getByRole('button', { name: 'Copy link' }))
    assert.equal(link, `${proxy.url}/-${id}`)
    assert.equal(await (await fetch(link)).text(), 'text')
  })
})

/** Hands requests on, and says `Host: internal.example` as some proxies do. */
async function rewritingProxy(port: number): Promise<AsyncDisposable & { url: string }> {
  const proxy = createServer((request, response) => {
    const headers = { ...request.headers, host: 'internal.example' }
    const onward = httpRequest({ port, host: '127.0.0.1', method: request.method, path: request.url, headers })
    onward.on('response', (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const { port: own } = proxy.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${own}`,
    async [Symbol.asyncDispose]() {
      proxy.closeAllConnections()
      proxy.close()
      await once(proxy, 'close')
    },
  }
}

/** What the clipboard holds: where the page has no clipboard object, another page of the same context asks. */
async function pasted(page: Page): Promise<string> {
  const other = await page.context().newPage()
  await other.goto(`${server.url}/favicon.svg`)
  const text = await other.evaluate<string>('navigator.clipboard.readText()')
  await other.close()
  return text
}

/** What browsers just above the floor lack, and more. */
const NEWER_METHODS = {
  Array: 'fromAsync',
  'Array.prototype': 'findLast findLastIndex toReversed toSorted toSpliced with',
  'Int8Array.prototype.__proto__': 'findLast findLastIndex toReversed toSorted with',
  'String.prototype': 'isWellFormed toWellFormed',
  'Set.prototype': 'union intersection difference symmetricDifference isSubsetOf isSupersetOf isDisjointFrom',
  'Iterator.prototype': 'map filter take drop flatMap reduce toArray forEach some every find',
  Object: 'groupBy',
  Map: 'groupBy',
  Promise: 'withResolvers try',
  AbortSignal: 'any timeout',
  URL: 'canParse parse',
  Response: 'json',
  'HTMLElement.prototype': 'showPopover hidePopover togglePopover',
  'Navigator.prototype': 'userActivation',
}
const LIKE_THE_FLOOR = Object.entries(NEWER_METHODS)
  .flatMap(([owner, names]) => names.split(' ').map((name) => `delete ${owner}.${name}`))
  .join('\n')

describe('the oldest browser', { skip: NO_BROWSER }, () => {
  it('uploads, lists, shows and changes', async () => {
    await using opened = await openPage(server.url)
    const { page } = opened
    await page.addInitScript(LIKE_THE_FLOOR)
    await logIn(page)
    assert.equal(await page.evaluate('"toSorted" in []'), false)
    await page.setInputFiles('input[type=file]', {
      name: 'old.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('old'),
    })
    await page.getByRole('button', { name: 'Copy link' }).waitFor()
    await page.getByRole('link', { name: 'Files', exact: true }).click()
    await page.getByRole('link', { name: 'old.txt', exact: true }).waitFor()
    await page.getByRole('link', { name: 'Settings' }).click()
    await page.getByLabel('After', { exact: true }).fill('14')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved.').waitFor()
    await page.getByRole('link', { name: 'Upload', exact: true }).click()
    await page.getByLabel('Expiry').locator('option', { hasText: '14 days' }).waitFor({ state: 'attached' })
  })
})

describe('a script that does not run', { skip: NO_BROWSER }, () => {
  for (const [why, spoil] of Object.entries({
    'is gone after an upgrade': (page: Page) => page.route('**/assets/*.js', (route) => route.fulfill({ status: 404 })),
    'is too new for the browser': (page: Page) =>
      page.route('**/assets/*.js', (route) =>
        route.fulfill({ contentType: 'text/javascript', body: 'throw new SyntaxError("too new")' }),
      ),
  })) {
    it(`because it ${why} leaves a sentence that says what to do`, async () => {
      const opened = await openPage(server.url)
      await spoil(opened.page)
      await opened.page.goto(`${server.url}/files`)
      await opened.page.getByText(/its script does not run/).waitFor()
      await opened.page.getByText(/Safari 15\.4, Firefox 102 and Chrome 100/).waitFor()
      await opened.page.context().close()
    })
  }

  it('leaves nothing of that sentence when it runs after all', async () => {
    await using opened = await openPage(server.url)
    await opened.page.goto(server.url)
    await opened.page.getByRole('heading', { level: 1 }).waitFor()
    assert.equal(await opened.page.getByText(/its script does not run/).count(), 0)
  })

  it('shows the failure in place of the page when a page fails', async () => {
    const opened = await openPage(server.url)
    const { page } = opened
    await logIn(page)
    await page.route('**/api/system', (route) => route.fulfill({ json: { disk: null } }))
    await page.getByRole('link', { name: 'System' }).click()
    await page.getByRole('heading', { name: 'This page does not work' }).waitFor()
    await page.getByRole('link', { name: 'Files', exact: true }).click()
    await page.getByRole('heading', { name: 'Files', exact: true }).waitFor()
    await page.context().close()
  })
})
