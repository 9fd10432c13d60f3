/** What a person does, in a real browser against the real server. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { NO_BROWSER, openPage } from '../support/browser.ts'
import { startServer, temporaryFolder, type TestServer } from '../support/server.ts'

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('the page', { skip: NO_BROWSER }, () => {
  let server: TestServer
  const folder = temporaryFolder()
  before(async () => {
    server = await startServer()
  })

  function makeFile(name: string, size: number): { path: string; hash: string } {
    const bytes = randomBytes(size)
    const path = join(folder, name)
    writeFileSync(path, bytes)
    return { path, hash: sha256(bytes) }
  }

  async function logIn(page: Page): Promise<void> {
    await page.goto(`${server.url}/login`)
    await page.getByLabel('Passphrase').fill(server.passphrase)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Upload', exact: true }).waitFor()
  }

  it('leads to the login and back, and refuses a wrong passphrase', async () => {
    await using opened = await openPage(server.url)
    const { page } = opened
    await page.goto(`${server.url}/files?search=nothing`)
    await page.getByLabel('Passphrase').fill('wrong')
    await page.keyboard.press('Enter')
    await page
      .getByText(/not right|incorrect|wrong/i)
      .first()
      .waitFor()
    await page.getByLabel('Passphrase').fill(server.passphrase)
    await page.keyboard.press('Enter')
    await page.getByText('Nothing found for “nothing”').waitFor()
    await page.getByText('Log out').click()
    await page.getByRole('heading', { name: 'Big files, handed over by a link.' }).waitFor()
  })

  it('uploads a file, copies its link, and curl downloads the same bytes', async () => {
    const { path, hash } = makeFile('Überblick "Q4" 100%.bin', 3_000_000)
    await using opened = await openPage(server.url)
    const { page } = opened
    await logIn(page)
    await page.getByLabel('Note').fill('for Ada')
    await page.setInputFiles('input[type=file]', path)
    const link = await opened.copiedBy(page.getByRole('button', { name: 'Copy link' }))
    assert.ok(link.startsWith(`${server.url}/-`), link)
    const downloaded = execFileSync('curl', ['-sSf', link], { maxBuffer: 1e7 })
    assert.equal(sha256(downloaded), hash)
    const { files } = await server.list()
    assert.equal(files[0]?.filename, 'Überblick "Q4" 100%.bin')
    assert.equal(files[0]?.note, 'for Ada')
  })

  it('shows speed and time left while a file is on its way, and the percentage in the title', async () => {
    const { path, hash } = makeFile('slow.bin', 3_000_000)
    await using opened = await openPage(server.url)
    const { page } = opened
    await logIn(page)
    const network = await page.context().newCDPSession(page)
    await network.send('Network.enable')
    const speed = { offline: false, latency: 0, downloadThroughput: -1 }
    await network.send('Network.emulateNetworkConditions', { ...speed, uploadThroughput: 100_000 })
    await page.setInputFiles('input[type=file]', path)
    await page.getByText(/\d+ % · .* sent · .*\/s · .* left|\d+% · .* sent · .*\/s · .* left/).waitFor()
    await page.waitForFunction('/^\\d+\\s?%/.test(document.title)')
    assert.ok(Number(await page.getByRole('progressbar').getAttribute('value')) > 0)
    await network.send('Network.emulateNetworkConditions', { ...speed, uploadThroughput: -1 })
    await page.getByRole('button', { name: 'Copy link' }).waitFor()
    const { files } = await server.list('?search=slow.bin')
    assert.equal(files[0]?.sha256, hash)
  })

  it('says why before it sends a file that cannot fit', async () => {
    await using small = await startServer({ args: ['--max-file-size', '1k'] })
    await using opened = await openPage(small.url)
    const { page } = opened
    await page.goto(`${small.url}/login`)
    await page.getByLabel('Passphrase').fill(small.passphrase)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Upload', exact: true }).waitFor()
    await page.setInputFiles('input[type=file]', makeFile('large.bin', 2000).path)
    await page.getByText(/1 kB/).first().waitFor()
    assert.equal((await small.list()).total, 0)
  })

  it('lets a guest upload through a link that its owner made', async () => {
    const { path, hash } = makeFile('from the guest.txt', 5000)
    await using owner = await openPage(server.url)
    await logIn(owner.page)
    await owner.page.getByRole('link', { name: 'Guest links' }).click()
    await owner.page
      .getByRole('link', { name: /New|Make/ })
      .first()
      .click()
    await owner.page.getByLabel('Label').fill('Ada')
    await owner.page.getByLabel('Number of files').fill('1')
    await owner.page.getByRole('button', { name: 'Create the link' }).click()
    const link = await owner.copiedBy(owner.page.getByRole('button', { name: /Copy/ }).first())

    await using guest = await openPage(server.url)
    await guest.page.goto(link)
    await guest.page.setInputFiles('input[type=file]', path)
    const file = await guest.copiedBy(guest.page.getByRole('button', { name: 'Copy link' }))
    assert.equal(sha256(execFileSync('curl', ['-sSf', file])), hash)
    await guest.page.goto(link)
    await guest.page.getByText('This link no longer takes files').waitFor()

    await owner.page.getByRole('link', { name: 'Files', exact: true }).click()
    await owner.page.getByText('from the guest.txt').waitFor()
  })

  it('edits and deletes a file', async () => {
    const file = await server.put('before.txt', 'some text')
    await using opened = await openPage(server.url)
    const { page } = opened
    await logIn(page)
    await page.goto(`${server.url}/files/${file.id}/edit`)
    await page.getByLabel('Name').fill('after.txt')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'after.txt' }).waitFor()
    await page.goto(`${server.url}/files/${file.id}/confirm-delete`)
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    await page.waitForURL(`${server.url}/files`)
    assert.equal((await server.guest(`/-${file.id}`)).status, 404)
  })

  it('asks for the passphrase of a file without any script', async () => {
    const answer = await server.owner('/api/files/secret.txt', {
      method: 'PUT',
      body: 'the secret',
      headers: { 'x-download-passphrase': 'open%20sesame', accept: 'application/json' },
    })
    const { url } = answer.json<{ url: string }>()
    await using opened = await openPage(server.url, { javaScriptEnabled: false })
    const { page } = opened
    await page.goto(url)
    await page.getByRole('textbox').fill('wrong')
    await page.getByRole('button').click()
    await page.getByRole('alert').waitFor()
    await page.getByRole('textbox').fill('open sesame')
    await page.getByRole('button').click()
    await page.getByText('the secret').waitFor()
  })

  for (const path of ['/', '/files', '/guest-links', '/guest-links/new', '/settings', '/information', '/nowhere']) {
    it(`fits a phone, in the dark, at ${path}`, async () => {
      const options = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' } as const
      await using opened = await openPage(server.url, options)
      const { page } = opened
      await logIn(page)
      await page.goto(server.url + path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
      assert.ok(overflow <= 0, `${overflow} px too wide`)
      const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
      const channels = background.match(/\d+/g)?.slice(0, 3).map(Number) ?? []
      assert.ok(Math.max(...channels) < 80, background)
    })
  }
})
