/** `holdfast build --publish` to a real share. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { postJson, startServer } from '../support/server.ts'
import { Workshop } from './support/workshop.ts'

const FILE = `source "file" "f" {
  content = "hello"
  target  = "out.txt"
}
build {
  sources = ["file.f"]
}
`

describe('holdfast build --publish', () => {
  it('uploads artifacts and records their links, once; a share that is down leaves the build complete', async () => {
    const shop = new Workshop()
    shop.write('file.pkr.hcl', FILE)
    assert.equal((await shop.build('--publish', 'http://127.0.0.1:1', 'file.pkr.hcl')).status, 78)
    assert.equal((await shop.build('--publish', 'nowhere', 'file.pkr.hcl')).status, 65)

    await using share = await startServer({ args: ['--log-level', 'error'] })
    const { token } = (await share.owner('/api/tokens', postJson({ name: 'publish' }))).json<{ token: string }>()
    shop.env = { HOLDFAST_PUBLISH_TOKEN: 'wrong-token-of-nobody' }
    const refused = await shop.build('--publish', share.url, 'file.pkr.hcl')
    assert.equal(refused.status, 1)
    assert.match(refused.out, /file\/file\.f: complete[^]*not published: .*token/)
    assert.equal((await shop.record('file/file.f'))?.status, 'complete')

    shop.env = { HOLDFAST_PUBLISH_TOKEN: token }
    const published = await shop.build('--publish', share.url, 'file.pkr.hcl')
    assert.equal(published.status, 0, published.out + published.err)
    const url = (await shop.record('file/file.f'))?.artifacts[0]?.url ?? ''
    assert.equal(await (await fetch(url)).text(), 'hello')
    assert.equal((await shop.build('--publish', share.url, 'file.pkr.hcl')).out, 'file/file.f: up to date\n')
    assert.equal((await share.list('?limit=10')).files.length, 1)
  })
})
