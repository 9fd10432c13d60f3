/** A real Chromium, Debian's, driven by playwright-core. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after } from 'node:test'
import { chromium, type Browser, type BrowserContextOptions, type Locator, type Page } from 'playwright-core'
import { eventually } from './server.ts'

const EXECUTABLE = '/usr/bin/chromium'
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]
const STEP_TIMEOUT_MS = 15_000

/** Why browser tests cannot run here, or false. */
export const NO_BROWSER: string | false = existsSync(EXECUTABLE) ? false : `${EXECUTABLE} is not installed`

let browser: Promise<Browser> | null = null

after(async () => {
  await (await browser)?.close()
})

/** A page in a context of its own that knows what must not happen on it. */
export class TestPage implements AsyncDisposable {
  readonly page: Page
  /** Errors of scripts, refusals of the content security policy, requests to elsewhere. */
  readonly faults: string[] = []

  constructor(page: Page, origin: string) {
    this.page = page
    page.on('pageerror', (error) => this.faults.push(error.message))
    page.on('console', (message) => {
      const isAnswer = message.text().startsWith('Failed to load resource')
      if (message.type() === 'error' && !isAnswer) this.faults.push(message.text())
    })
    page.on('request', (request) => {
      const isOurs = request.url().startsWith(origin) || /^(data|blob):/.test(request.url())
      if (!isOurs) this.faults.push(`request to ${request.url()}`)
    })
  }

  /** What a button copies to the clipboard, a moment after its click. */
  async copiedBy(button: Locator): Promise<string> {
    await this.page.evaluate("navigator.clipboard.writeText('')")
    await button.click()
    return await eventually(() => this.page.evaluate<string>('navigator.clipboard.readText()'))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close()
    assert.deepEqual(this.faults, [])
  }
}

export async function openPage(origin: string, options: BrowserContextOptions = {}): Promise<TestPage> {
  // Without a locale Chromium cannot open files whose names are not ASCII.
  const env = { ...process.env, LC_ALL: 'C.UTF-8' } as Record<string, string>
  browser ??= chromium.launch({ executablePath: EXECUTABLE, args: ARGUMENTS, env })
  const context = await (await browser).newContext({ permissions: ['clipboard-read', 'clipboard-write'], ...options })
  context.setDefaultTimeout(STEP_TIMEOUT_MS)
  return new TestPage(await context.newPage(), origin)
}
