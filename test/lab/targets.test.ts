/** The targets of the lab against their suite, and the suite against targets that break its promises. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { CommandTarget } from '../../src/lab/targets/command.ts'
import { HoldfastTarget } from '../../src/lab/targets/holdfast.ts'
import type { Target } from '../../src/lab/targets/target.ts'
import { UrlTarget } from '../../src/lab/targets/url.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { TARGET_CHECKS } from './support/target-conformance.ts'

let server: TestServer
before(async () => (server = await startServer({ args: ['--log-level', 'warn'] })))
after(async () => server[Symbol.asyncDispose]())

const COMMAND = 'serve --port {port} --data {data}'
const TARGETS: Record<string, () => Target> = {
  holdfast: () => new HoldfastTarget(),
  command: () => new CommandTarget(COMMAND),
  url: () => new UrlTarget(server.url, server.passphrase),
}

for (const [kind, make] of Object.entries(TARGETS)) {
  describe(`the target ${kind}`, () => {
    it('says its kind', () => assert.equal(make().kind, kind))
    for (const [promise, check] of Object.entries(TARGET_CHECKS)) it(promise, async () => check(make()))
  })
}

describe('a target that cannot be had', () => {
  it('says so before a machine boots', async () => {
    const { signal } = new AbortController()
    const refused = { code: 'TARGET_UNAVAILABLE' }
    await assert.rejects(new UrlTarget('http://127.0.0.1:1', 'x').prepare(signal), refused)
    await assert.rejects(new UrlTarget(server.url, 'wrong').prepare(signal))
  })
})

/** Commands that break one promise each. */
const BROKEN: Record<string, [target: Target, promise: string]> = {
  'takes a port of its own': [
    new (class extends CommandTarget {
      override async prepare() {
        const prepared = await super.prepare()
        return { ...prepared, start: () => ({ command: ['serve', '--port', '80'], env: {} }) }
      }
    })(COMMAND),
    'starts at the host and port that it is given',
  ],
  'shares a folder with others': [new CommandTarget('serve {port}'), 'keeps its data in the work folder'],
  'shows its secret': [
    new (class extends CommandTarget {
      override async prepare() {
        const prepared = await super.prepare()
        return { ...prepared, start: () => ({ command: ['serve', this.secret], env: { S: this.secret } }) }
      }
    })(COMMAND),
    'gives the server the secret that the lab logs in with, and shows it in no argument',
  ],
}

describe('the suite of targets', () => {
  for (const [fault, [target, promise]] of Object.entries(BROKEN)) {
    it(`catches a target that ${fault}`, async () => {
      const check = TARGET_CHECKS[promise]
      assert.ok(check)
      await assert.rejects(check(target))
    })
  }
})
