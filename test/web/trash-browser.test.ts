/** The trash in Chromium: a slip is undone, from the message and from the page. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { NO_BROWSER, openPage, type TestPage } from '../support/browser.ts'
import { startServer, type TestServer } from '../support/server.ts'

describe('the trash', { skip: NO_BROWSER }, () => {
  let server: TestServer
  before(async () => {
    server = await startServer({ args: ['--log-level', 'silent'], built: true })
  })
  after(async () => server[Symbol.asyncDispose]())

  async function open(path: string): Promise<TestPage> {
    const opened = await openPage(server.url)
    const [name = '', value = ''] = server.cookie.split('=')
    await opened.page.context().addCookies([{ name, value, url: server.url }])
    await opened.page.goto(server.url + path)
    return opened
  }

  it('is undone from the message that tells of it', async () => {
    const { id } = await server.put('slip.txt', 'slip')
    await using opened = await open(`/files/${id}/confirm-delete`)
    const { page } = opened
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    await page.getByText('slip.txt is in the trash.').waitFor()
    assert.equal((await server.guest(`/-${id}`)).status, 404)
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByText('slip.txt is back.').waitFor()
    assert.equal((await server.guest(`/-${id}`)).text, 'slip')
  })

  it('lists files, gives them back, and deletes them for good', async () => {
    const [kept, gone] = [await server.put('kept.txt', 'kept'), await server.put('gone.txt', 'gone')]
    for (const { id } of [kept, gone]) await server.owner(`/api/entry/${id}`, { method: 'DELETE' })
    await using opened = await open('/trash')
    const { page } = opened
    await page.getByRole('button', { name: 'Restore kept.txt' }).click()
    await page.getByText('kept.txt is back.').waitFor()
    assert.equal((await server.guest(`/-${kept.id}`)).text, 'kept')
    await page.getByRole('button', { name: 'Delete gone.txt for good' }).click()
    await page.getByText('The trash is empty').first().waitFor()
    assert.equal((await server.owner('/api/trash')).json().total, 0)
  })

  it('is emptied after a question', async () => {
    const { id } = await server.put('a.txt', 'a')
    await server.owner(`/api/entry/${id}`, { method: 'DELETE' })
    await using opened = await open('/trash')
    const { page } = opened
    await page.getByRole('button', { name: 'Empty the trash' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete for good' }).click()
    await page.getByText('The trash is empty').first().waitFor()
  })
})
