/** The trash in Chromium: a slip is undone, from the message and from the page. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { NO_BROWSER, openPage, type TestPage } from '../support/browser.ts'
import { postJson, startServer, type TestServer } from '../support/server.ts'

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

  it('holds a deleted guest link, which comes back from the message and from the page', async () => {
    const link = { label: 'Ann', urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '24h' }
    const { id } = (await server.owner('/api/guest-links', postJson(link))).json<{ id: string }>()
    const isThere = async () => (await server.guest(`/api/guest/${id}`)).status === 200
    await using opened = await open('/guest-links')
    const { page } = opened
    const remove = async () => {
      await page.getByRole('button', { name: 'Delete', exact: true }).click()
      await page.getByRole('button', { name: 'Delete the link' }).click()
      await page.getByText('No guest links yet').waitFor()
    }
    await remove()
    assert.equal(await isThere(), false)
    await page.getByRole('button', { name: 'Undo' }).click()
    await page.getByRole('heading', { name: 'Ann' }).waitFor()
    assert.equal(await isThere(), true)
    await remove()
    await page.goto(`${server.url}/trash`)
    await page.getByRole('button', { name: 'Restore Ann' }).click()
    await page.getByText('Ann is back.').waitFor()
    assert.equal(await isThere(), true)
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
