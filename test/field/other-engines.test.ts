/** The app in Firefox and WebKit: log in, upload, copy the link, open the settings, see a page without a script. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { ENGINES, type Engine } from '../support/engines.ts'
import { eventually, startServer, temporaryFolder, type TestServer } from '../support/server.ts'

let server: TestServer
const folder = temporaryFolder()
before(async () => {
  server = await startServer()
})

const headingIs = (engine: Engine, text: string) =>
  eventually(() => engine.evaluate<boolean>(`document.querySelector('h1')?.textContent === ${JSON.stringify(text)}`))

for (const { name, missing, open } of ENGINES) {
  describe(`the app in ${name}`, { skip: missing }, () => {
    it('logs in, uploads, shows and copies the link, and opens the settings', async () => {
      const path = join(folder, `from ${name}.txt`)
      writeFileSync(path, `sent by ${name}`)
      await using engine = await open()
      await engine.goto(`${server.url}/login`)
      await headingIs(engine, 'Log in')
      await engine.type('input[type=password]', server.passphrase)
      await engine.click('button[type=submit]')
      await headingIs(engine, 'Upload')
      await eventually(() => engine.evaluate<boolean>("document.querySelector('input[type=file]') !== null"))
      await engine.chooseFile('input[type=file]', path)
      const link = await eventually(() => engine.evaluate<string>("document.querySelector('.link-text')?.textContent"))
      assert.match(link, new RegExp(`^${server.url}/-\\w{10}$`))
      assert.equal((await server.guest(new URL(link).pathname)).text, `sent by ${name}`)
      await engine.click('.upload .button.primary')
      await eventually(() =>
        engine.evaluate<boolean>("document.querySelector('.upload .button.primary').textContent === 'Copied'"),
      )
      await engine.click('.places a[href="/settings"]')
      await headingIs(engine, 'Settings')
      await eventually(() => engine.evaluate<boolean>("document.querySelector('#tokens-title') !== null"))
    })
  })
}
