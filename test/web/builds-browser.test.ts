/** The pages of builds in a real browser, while other processes build. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { logOf, metadataOf, record, stepOn } from '../builds/recorded.ts'
import { NO_BROWSER, openPage } from '../support/browser.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'

const HOSTILE = `win/<img src=x onerror="throw 1"> ${'long-name-'.repeat(30)}ウィンドウズ`
const at = (second: number) => new Date(Date.UTC(2026, 10, 22, 10, 0, second)).toISOString()
const step = { error: null, startedAt: null, endedAt: null }

describe('the pages of builds', { skip: NO_BROWSER }, () => {
  let server: TestServer
  before(async () => {
    server = await startServer()
    const folder = server.dataFolder
    const log = Array.from({ length: 200 }, (_, index) => `1795313805,,ui,message,    a: line ${index}\n`).join('')
    const ran = { startedAt: at(0), endedAt: at(40) }
    const run = { ...(metadataOf(logOf(folder, 'default', 'u/null.failed')).run as object), startedAt: at(0) }
    const output = '<b>the end of its output</b>'
    await record(
      folder,
      'default',
      [
        { name: HOSTILE, status: 'interrupted' },
        { name: 'u/null.cut', status: 'creating', metadata: metadataOf('', { run: { id: 'r' } }) },
        {
          name: 'u/null.failed',
          source: 'null.failed',
          status: 'failed',
          error: 'step two failed',
          ...ran,
          metadata: metadataOf(logOf(folder, 'default', 'u/null.failed'), { run, note: 'Resumed after step one.' }),
          provisioners: [
            { ...step, name: 'one', status: 'complete', startedAt: at(0), endedAt: at(10) },
            {
              ...step,
              name: 'two',
              status: 'failed',
              startedAt: at(10),
              endedAt: at(40),
              exitStatus: 3,
              output,
              error: 'no',
            },
            { ...step, name: 'three', status: 'skipped' },
          ],
          artifacts: [
            { path: '/out/disk.img', sizeBytes: 5_000_000, sha256: 'ab'.repeat(32), url: 'https://share.example/-x' },
            { path: '/out/bad', sizeBytes: 1, sha256: 'cd'.repeat(32), url: 'javascript:alert(1)' },
          ],
        },
        {
          name: 'u/null.live',
          source: 'null.live',
          provisioners: [{ ...step, name: 'the only one', status: 'pending' }],
        },
      ],
      log,
    )
  })
  after(async () => server[Symbol.asyncDispose]())

  async function logIn(page: Page, to: TestServer = server): Promise<void> {
    await page.goto(`${to.url}/login`)
    await page.getByLabel('Passphrase').fill(to.passphrase)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Upload', exact: true }).waitFor()
  }

  const pathOf = (name: string) => `/builds/default/${encodeURIComponent(name)}`

  it('are hidden without a state; opened directly, they explain how to start', async () => {
    await using other = await startServer()
    await using opened = await openPage(other.url)
    const { page } = opened
    await logIn(page, other)
    assert.equal(await page.getByRole('link', { name: 'Builds' }).count(), 0)
    await page.goto(`${other.url}/builds`)
    await page.getByRole('heading', { name: 'No builds yet' }).waitFor()
    const command = await opened.copiedBy(page.getByRole('button', { name: 'Copy the command' }))
    assert.equal(command, 'holdfast build TEMPLATE')
    // The first one appears while the page is open.
    await record(other.dataFolder, 'default', [{ name: 'first/null.a' }])
    await page.getByRole('link', { name: 'first/null.a' }).waitFor()
  })

  it('list builds, filter them, and lead to one by the keyboard', async () => {
    await using opened = await openPage(server.url)
    const { page } = opened
    await logIn(page)
    await page.getByRole('link', { name: 'Builds' }).click()
    const row = page.getByRole('row').filter({ hasText: 'u/null.failed' })
    await row.getByText('Failed', { exact: true }).waitFor()
    await row.getByText('2 of 3: two').waitFor()
    await row.getByText('40 s').waitFor()
    await page.getByRole('link', { name: HOSTILE }).waitFor()
    const cut = page.getByRole('row').filter({ hasText: 'u/null.cut' })
    await cut.getByText('Abandoned', { exact: true }).waitFor()
    await page.getByLabel('Status').selectOption('failed')
    await page.getByRole('link', { name: HOSTILE }).waitFor({ state: 'detached' })
    await page.getByRole('link', { name: 'u/null.failed' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'u/null.failed' }).waitFor()
    await page.goBack()
    await page.getByText('2 of 3: two').waitFor()
  })

  it('show a build: its timeline, why it failed, how to go on, artifacts, log, history', async () => {
    await using opened = await openPage(server.url)
    const { page } = opened
    await logIn(page)
    await page.goto(server.url + pathOf('u/null.failed'))
    await page.getByRole('alert').getByText('step two failed').waitFor()
    await page.getByText('Resumed after step one.').waitFor()
    await page.getByText('holdfast build -only null.failed /home/ada/images/ubuntu.pkr.hcl').waitFor()

    const bars = await page.evaluate<[number, number][]>(
      `[...document.querySelectorAll('.step-bar')].map((bar) => {
        const [inner, outer] = [bar.getBoundingClientRect(), bar.parentElement.getBoundingClientRect()]
        return [(inner.left - outer.left) / outer.width, inner.width / outer.width]
      })`,
    )
    assert.deepEqual(
      bars.map((bar) => bar.map((value) => Number(value.toFixed(2)))),
      [
        [0, 0.25],
        [0.25, 0.75],
      ],
    )
    // The failed step is open; the keyboard closes it.
    const output = page.getByLabel('End of the output of two')
    await output.waitFor()
    await page.locator('summary.step').focus()
    await page.keyboard.press('Enter')
    await output.waitFor({ state: 'hidden' })

    const hash = await opened.copiedBy(page.getByRole('button', { name: 'Copy the SHA-256 of /out/disk.img' }))
    assert.equal(hash, 'ab'.repeat(32))
    assert.deepEqual(
      await page
        .getByRole('table', { name: 'Artifacts' })
        .getByRole('link')
        .evaluateAll((links) => links.map(String)),
      ['https://share.example/-x'],
    )
    await page.getByText('History').click()
    await page.getByRole('cell', { name: 'build u/null.failed' }).waitFor()
    // The log comes after the build.
    await page.getByRole('log').getByText('line 199').waitFor()
    assert.match(await page.getByRole('log').innerText(), /^ {4}a: line 199$/m)
    const href = await page.getByRole('link', { name: 'Whole log' }).getAttribute('href')
    assert.match((await server.owner(href ?? '')).text, /^ {4}a: line 0$/m)
  })

  it('follow a build that another process continues, unless the user has scrolled up', async () => {
    const name = 'u/null.live'
    await using opened = await openPage(server.url)
    const { page } = opened
    await logIn(page)
    await page.goto(server.url + pathOf(name))
    const status = page.getByRole('status').filter({ hasText: /Pending|Creating|Provisioning|Complete/ })
    await status.getByText('Pending').waitFor()
    const log = page.getByRole('log')
    const box = "document.querySelector('[role=log]')"
    const fromEnd = () => page.evaluate<number>(`${box}.scrollHeight - ${box}.scrollTop - ${box}.clientHeight`)
    await log.getByText('line 199').waitFor()
    assert.ok((await fromEnd()) < 2, String(await fromEnd()))
    await stepOn(server.dataFolder, name, 'create', 'it is created')
    await status.getByText('Creating').waitFor()
    await log.getByText('it is created').waitFor()
    await eventually(async () => (await fromEnd()) < 2)

    await page.evaluate(`${box}.scrollTo(0, 0)`)
    await page.getByRole('button', { name: 'To the end' }).waitFor()
    await stepOn(server.dataFolder, name, 'start', 'a step begins')
    await page.getByRole('listitem').filter({ hasText: 'the only one' }).getByText('Running').waitFor()
    await log.getByText('a step begins').waitFor()
    assert.equal(await page.evaluate<number>(`${box}.scrollTop`), 0)
    await page.getByRole('button', { name: 'To the end' }).click()
    await eventually(async () => (await fromEnd()) < 2)

    await stepOn(server.dataFolder, name, 'finish', 'the step is over')
    await stepOn(server.dataFolder, name, 'complete', 'done')
    await status.getByText('Complete').waitFor()
    await log.getByText('done').waitFor()
  })

  it('survive a restart of the server', async () => {
    // Nothing else of this machine takes a port of this address while the server is away.
    const host = ['--host', '127.0.0.2']
    const first = await startServer({ args: host })
    await record(first.dataFolder, 'default', [{ name: 'x/null.a' }])
    await using opened = await openPage(first.url)
    const { page } = opened
    await logIn(page, first)
    await page.goto(first.url + pathOf('x/null.a'))
    await page.getByText('Pending').waitFor()
    assert.equal((await first.stop()).code, 0)
    const { dataFolder, port } = first
    await using second = await startServer({ dataFolder, args: [...host, '--port', String(port)] })
    await record(second.dataFolder, 'default', [{ name: 'x/null.a', status: 'creating' }])
    await page.getByText('Creating').waitFor()
  })

  for (const path of ['/builds', pathOf('u/null.failed'), pathOf(HOSTILE)]) {
    it(`fit a phone, in the dark, at ${path.slice(0, 40)}`, async () => {
      const options = { viewport: { width: 360, height: 740 }, colorScheme: 'dark' } as const
      await using opened = await openPage(server.url, options)
      const { page } = opened
      await logIn(page)
      await page.goto(server.url + path)
      await page.getByRole('heading', { level: 1 }).waitFor()
      await page
        .getByText(/^(Interrupted|Failed)$/)
        .first()
        .waitFor()
      const overflow = await page.evaluate<number>('document.documentElement.scrollWidth - innerWidth')
      assert.ok(overflow <= 0, `${overflow} px too wide`)
    })
  }
})
