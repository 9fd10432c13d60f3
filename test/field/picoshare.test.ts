/** What PicoShare's page and its users send and expect: settings, lifetimes of guest links, private labels. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { NO_BROWSER, openPage } from '../support/browser.ts'
import { eventually, postJson, putJson, startServer, type TestServer } from '../support/server.ts'

let server: TestServer
before(async () => {
  server = await startServer()
})

const NEVER = '2999-12-31T00:00:00Z'

async function guestLink(fields: Record<string, unknown> = {}): Promise<string> {
  const body = { label: null, urlExpirationTime: NEVER, fileLifetime: '876000h0m0s', ...fields }
  const answer = await server.owner('/api/guest-links', postJson(body))
  assert.equal(answer.status, 200, answer.text)
  return answer.json<{ id: string }>().id
}

describe('the settings', () => {
  const save = async (body: unknown) => (await server.owner('/api/settings', putJson(body))).status
  const load = async () => (await server.owner('/api/settings')).json()

  it('take days alone, and files expire then', async () => {
    assert.equal(await save({ defaultNeverExpire: true }), 200)
    assert.equal(await save({ defaultExpirationDays: 7 }), 200)
    assert.deepEqual(await load(), { defaultExpirationDays: 7, defaultNeverExpire: false })
  })

  it('take "never" alone, and keep the days', async () => {
    assert.equal(await save({ defaultNeverExpire: true }), 200)
    assert.deepEqual(await load(), { defaultExpirationDays: 7, defaultNeverExpire: true })
  })

  it('refuse a misspelt member, with a suggestion', async () => {
    const answer = await server.owner('/api/settings', putJson({ defaultExpirationDay: 7 }))
    assert.equal(answer.status, 400)
    assert.match(answer.text, /did you mean defaultExpirationDays/)
  })

  it('refuse neither of the two, and days out of range', async () => {
    const bodies = [
      {},
      { someIrrelevantField: 'banana' },
      { defaultExpirationDays: 0 },
      { defaultExpirationDays: 3651 },
      { defaultExpirationDays: 'banana' },
    ]
    for (const body of bodies) assert.equal(await save(body), 400, JSON.stringify(body))
  })
})

describe('the lifetime of the files of a guest link', () => {
  it('is a Go duration in answers', async () => {
    const cases = { '168h': '168h0m0s', '7d': '168h0m0s', '24h30m1.5s': '24h30m1.5s', '876000h0m0s': null }
    for (const [fileLifetime, told] of Object.entries(cases)) {
      const id = await guestLink({ fileLifetime })
      const view = (await server.guest(`/api/guest/${id}`)).json()
      assert.equal(view.fileLifetime, told)
    }
  })

  it('is told to owner and guest, and not exceeded by what the guest is offered', { skip: NO_BROWSER }, async () => {
    const id = await guestLink({ label: 'A week', fileLifetime: '168h' })
    await using owner = await openPage(server.url)
    await owner.page.goto(`${server.url}/login?next=/guest-links`)
    await owner.page.getByLabel('Passphrase').fill(server.passphrase)
    await owner.page.keyboard.press('Enter')
    await owner.page
      .getByText(/files kept 7 days at most/)
      .first()
      .waitFor()

    await using guest = await openPage(server.url)
    await guest.page.goto(`${server.url}/g/${id}`)
    await guest.page.getByText('They are kept for 7 days at most.').waitFor()
    const choices = await guest.page.getByLabel('Expiry').locator('option').allTextContents()
    assert.deepEqual(choices, ['1 day', '7 days (the longest)'])
    for (const [index, choice] of choices.entries()) {
      await guest.page.getByLabel('Expiry').selectOption({ label: choice })
      const file = { name: `choice-${index}.txt`, mimeType: 'text/plain', buffer: Buffer.from('text') }
      await guest.page.setInputFiles('input[type=file]', file)
      await guest.page.getByRole('button', { name: 'Copy link' }).nth(index).waitFor()
      const days =
        (Date.parse((await server.list(`?search=choice-${index}`)).files[0]?.expiresAt ?? '') - Date.now()) / 864e5
      assert.equal(Math.round(days), index === 0 ? 1 : 7)
    }
  })
})

describe('a guest link', () => {
  it("is made of what PicoShare's page sends, and a misspelt limit is refused", async () => {
    const body = {
      label: null,
      urlExpirationTime: NEVER,
      fileLifetime: '168h0m0s',
      maxFileBytes: null,
      maxFileUploads: null,
    }
    assert.equal((await server.owner('/api/guest-links', postJson(body))).status, 200)
    const answer = await server.owner('/api/guest-links', postJson({ ...body, maxFileUpload: 1 }))
    assert.equal(answer.status, 400)
    assert.match(answer.text, /did you mean maxFileUploads/)
  })
})

describe('the label of a guest link', () => {
  it('is seen by the owner only; a greeting is seen by the guest', { skip: NO_BROWSER }, async () => {
    const id = await guestLink({ label: 'that slow client', greeting: 'Hello Ada' })
    const shown = (await server.guest(`/api/guest/${id}`)).text
    assert.doesNotMatch(shown, /slow client/)
    await using guest = await openPage(server.url)
    await guest.page.goto(`${server.url}/g/${id}`)
    await guest.page.getByText('Hello Ada').waitFor()
    assert.doesNotMatch(await guest.page.content(), /slow client/)
    await guest.page.waitForFunction('document.title === "Send files · Holdfast"')
  })

  it('has at most 200 bytes, and so has the greeting', async () => {
    for (const field of ['label', 'greeting']) {
      const body = { urlExpirationTime: NEVER, fileLifetime: '24h', [field]: 'é'.repeat(101) }
      const answer = await server.owner('/api/guest-links', postJson(body))
      assert.equal(answer.status, 400)
      assert.match(answer.text, new RegExp(`${field}.*202 bytes.*200`))
    }
  })
})

describe('the page', { skip: NO_BROWSER }, () => {
  const NO_FILE = 'input[type=file]'

  async function openAsOwner(path: string) {
    const opened = await openPage(server.url)
    const [name = '', value = ''] = server.cookie.split('=')
    await opened.page.context().addCookies([{ name, value, url: server.url }])
    await opened.page.goto(server.url + path)
    return opened
  }

  async function paste(page: Page, items: string): Promise<void> {
    await page.locator(NO_FILE).waitFor({ state: 'attached' })
    await page.evaluate(`{
      const clipboardData = new DataTransfer()
      ${items}
      document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }))
    }`)
  }

  it('uploads pasted text and pictures at once', async () => {
    await using opened = await openAsOwner('/')
    const { page } = opened
    await paste(page, "clipboardData.setData('text/plain', 'Grüße')")
    await page.getByRole('button', { name: 'Copy link' }).waitFor()
    await paste(page, "clipboardData.items.add(new File(['png'], 'image.png', { type: 'image/png' }))")
    await page.getByRole('button', { name: 'Copy link' }).nth(1).waitFor()
    const { files } = await server.list('?search=pasted-')
    assert.deepEqual(files.map(({ filename }) => filename.replaceAll(/\d/g, '0')).toSorted(), [
      'pasted-00000000-000000.png',
      'pasted-00000000-000000.txt',
    ])
    const text = files.find(({ filename }) => filename.endsWith('.txt'))
    assert.equal((await server.guest(`/-${text?.id}`)).text, 'Grüße')
  })

  it('leaves text pasted into a field in the field', async () => {
    await using opened = await openAsOwner('/')
    const { page } = opened
    await page.getByLabel('Note').focus()
    await page.evaluate("navigator.clipboard.writeText('into the note')")
    await page.keyboard.press('Control+v')
    assert.equal(await page.getByLabel('Note').inputValue(), 'into the note')
    assert.equal(await page.getByRole('heading', { name: 'Uploads' }).count(), 0)
  })

  it('shows the full link beside the short one', async () => {
    await using opened = await openAsOwner('/')
    const { page } = opened
    await page.setInputFiles(NO_FILE, { name: 'a name.txt', mimeType: 'text/plain', buffer: Buffer.from('x') })
    const file = await eventually(async () => (await server.list('?search=a+name')).files[0])
    await page.getByText(`${server.url}/-${file.id}`, { exact: true }).waitFor()
    const full = await opened.copiedBy(page.getByRole('button', { name: 'Copy: with the name' }))
    assert.equal(full, `${server.url}/-${file.id}/a%20name.txt`)
    assert.equal((await server.guest(new URL(full).pathname)).text, 'x')
  })

  it('takes years in the settings, and reads them back', async () => {
    await using opened = await openAsOwner('/settings')
    const { page } = opened
    await page.getByLabel('After some time').check()
    await page.getByLabel('After', { exact: true }).fill('2')
    await page.getByLabel('Unit').selectOption('years')
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('Saved.').waitFor()
    const settings = (await server.owner('/api/settings')).json()
    assert.deepEqual(settings, { defaultExpirationDays: 730, defaultNeverExpire: false })
    await page.reload()
    await page.getByLabel('After', { exact: true }).waitFor()
    assert.equal(await page.getByLabel('After', { exact: true }).inputValue(), '2')
    await page.goto(server.url)
    assert.equal(await page.getByLabel('Expiry').locator('option:checked').textContent(), '2 years')
    await page.goto(`${server.url}/settings`)
    await page.getByLabel('After', { exact: true }).fill('11')
    await page.getByText('1 to 10 years').waitFor()
  })

  it('changes only what was edited: a download limit that was set meanwhile stays', async () => {
    const { id } = await server.put('both.txt', 'text', '?note=kept')
    await using opened = await openAsOwner(`/files/${id}/edit`)
    const { page } = opened
    await page.getByLabel('File name').fill('changed.txt')
    const meanwhile = { ...putJson({ maxDownloads: 5 }), method: 'PATCH' }
    assert.equal((await server.owner(`/api/files/${id}`, meanwhile)).status, 200)
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: 'changed.txt' }).waitFor()
    const { filename, note, maxDownloads, expiresAt } = (await server.owner(`/api/files/${id}`)).json()
    assert.deepEqual([filename, note, maxDownloads, expiresAt !== null], ['changed.txt', 'kept', 5, true])
  })

  it('offers to delete a file where it is edited', async () => {
    const { id } = await server.put('edited.txt', 'text')
    await using opened = await openAsOwner(`/files/${id}/edit`)
    await opened.page.getByRole('link', { name: 'Delete' }).click()
    await opened.page.waitForURL(`${server.url}/files/${id}/confirm-delete`)
  })
})
