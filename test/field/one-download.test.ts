/** What one download is, with the clients that people use. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { bytes } from '../support/bytes.ts'
import { eventually, startServer, temporaryFolder, type FileView, type TestServer } from '../support/server.ts'

const CONTENT = bytes(3_000_000)
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1'
const PLAYER = 'AppleCoreMedia/1.0.0.22A (iPhone; U; CPU OS 18_0 like Mac OS X; en_us)'

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent', '--fsync', 'false'] })
})
after(async () => server[Symbol.asyncDispose]())

async function limited(max = 1): Promise<string> {
  return (await server.put('limited.bin', CONTENT, `?maxDownloads=${max}`)).id
}

async function get(id: string, headers: Record<string, string> = {}, method = 'GET') {
  return await server.guest(`/-${id}`, { method, headers })
}

async function countOf(id: string): Promise<number> {
  return (await server.owner(`/api/files/${id}`)).json<FileView>().downloadCount
}

/** Begins a download and hangs up as soon as something has come. */
async function cutDownload(id: string, agent: string): Promise<void> {
  const socket = connect(server.port, '127.0.0.1')
  socket.write(`GET /-${id} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: ${agent}\r\n\r\n`)
  await new Promise((resolve) => socket.once('data', resolve))
  socket.destroy()
  await eventually(async () => (await server.owner('/api/metrics')).json().downloads_active === 0)
}

describe('a file with a limit of one', () => {
  it('plays in Safari, which probes, and whose player has another name', async () => {
    const id = await limited()
    assert.equal((await get(id, { range: 'bytes=0-1', 'user-agent': IPHONE })).status, 206)
    for (const range of ['bytes=0-1', 'bytes=0-', 'bytes=1000000-', 'bytes=5-']) {
      assert.equal((await get(id, { range, 'user-agent': PLAYER })).status, 206, range)
    }
    assert.equal(await countOf(id), 1)
    assert.equal((await get(id, { 'user-agent': 'another client' })).status, 410)
  })

  it('starts again after a cut, until the client has had all of it', async () => {
    const id = await limited()
    await cutDownload(id, 'curl/8')
    assert.equal((await get(id, { 'user-agent': 'other' })).status, 410)
    assert.equal((await get(id, { 'user-agent': 'curl/8' })).status, 200)
    assert.equal((await get(id, { 'user-agent': 'curl/8' })).status, 410)
    assert.equal(await countOf(id), 1)
  })

  it('starts again after a cut and a restart of the server', async () => {
    await using own = await startServer({ args: ['--log-level', 'silent'] })
    const { id } = await own.put('limited.bin', CONTENT, '?maxDownloads=1')
    assert.equal((await own.guest(`/-${id}`, { headers: { range: 'bytes=0-9' } })).status, 206)
    await own.kill()
    await using next = await startServer({ args: ['--log-level', 'silent'], dataFolder: own.dataFolder })
    assert.equal((await next.guest(`/-${id}`, { headers: { range: 'bytes=10-' } })).status, 206)
    assert.equal((await next.guest(`/-${id}`, { headers: { 'user-agent': 'other' } })).status, 410)
  })

  it('does not serve parts for ever', async () => {
    const id = await limited()
    const statuses = []
    for (let request = 0; request < 12; request++) statuses.push((await get(id, { range: 'bytes=1-' })).status)
    assert.equal(statuses[0], 206)
    assert.equal(statuses.at(-1), 410)
  })

  it('answers HEAD as it would answer GET, and counts none', async () => {
    const id = await limited()
    assert.equal((await get(id, {}, 'HEAD')).status, 200)
    assert.equal((await get(id)).status, 200)
    const answer = await get(id, {}, 'HEAD')
    assert.equal(answer.status, 410)
    for (const name of ['content-disposition', 'etag', 'last-modified', 'accept-ranges']) {
      assert.equal(answer.headers.get(name), null, name)
    }
  })

  it('is gone when used up, whatever the condition or range', async () => {
    const id = await limited()
    const { headers } = await get(id, {}, 'HEAD')
    assert.equal((await get(id, { 'user-agent': 'the first' })).status, 200)
    for (const condition of [
      { 'if-none-match': headers.get('etag') ?? '' },
      { 'if-none-match': '*' },
      { 'if-modified-since': headers.get('last-modified') ?? '' },
      { 'if-match': '"other"' },
    ] as Record<string, string>[]) {
      assert.equal((await get(id, { ...condition, 'user-agent': 'another' })).status, 410, JSON.stringify(condition))
    }
  })

  it('is not used up by a browser that prefetches', async () => {
    const id = await limited()
    for (const headers of [
      { 'sec-purpose': 'prefetch' },
      { 'sec-purpose': 'prefetch;prerender' },
      { purpose: 'prefetch' },
      { 'x-purpose': 'preview' },
      { 'x-moz': 'prefetch' },
    ] as Record<string, string>[]) {
      const answer = await get(id, headers)
      assert.deepEqual([answer.status, answer.text], [503, ''], JSON.stringify(headers))
    }
    assert.equal(await countOf(id), 0)
    assert.equal((await get(id)).status, 200)
  })

  for (const [program, args] of [
    ['aria2c', ['-x', '8', '-s', '8', '-k', '1M', '--allow-overwrite=true', '-q']],
    ['axel', ['-n', '4', '-q']],
  ] as const) {
    const isThere = spawnSync(program, ['--version']).error === undefined
    it(
      `is one download of ${program}, by connections side by side`,
      { skip: !isThere && `${program} is not installed` },
      async () => {
        const id = await limited()
        const folder = temporaryFolder()
        const name = program === 'axel' ? ['-o', join(folder, 'f')] : ['-d', folder, '-o', 'f']
        execFileSync(program, [...args, ...name, `${server.url}/-${id}`])
        assert.ok(readFileSync(join(folder, 'f')).equals(CONTENT))
        assert.equal(await countOf(id), 1)
        assert.equal((await get(id)).status, 410)
      },
    )
  }
})

describe('a limit of three', () => {
  it('is exact under a race of people', async () => {
    const id = await limited(3)
    const people = Array.from({ length: 20 }, (_, index) => get(id, { 'user-agent': `person ${index % 10}` }))
    const statuses = (await Promise.all(people)).map(({ status }) => status)
    assert.equal(statuses.filter((status) => status === 200).length, 3)
    assert.equal(statuses.filter((status) => status === 410).length, 17)
    assert.equal(await countOf(id), 3)
  })
})

describe('a program that shows what is behind a link', () => {
  const AGENTS = [
    'Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)',
    'Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)',
    'WhatsApp/2.23.20.0',
    'TelegramBot (like TwitterBot)',
    'Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com',
    'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko) Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0',
    'LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient +http://www.linkedin.com)',
    'Mastodon/4.3.0 (http.rb/5.2.0; +https://example.org/)',
    'Synapse (bot; +https://github.com/matrix-org/synapse)',
    'Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)',
    'facebookexternalhit/1.1; kakaotalk-scrap/1.0; +https://devtalk.kakao.com/',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/600 (KHTML, like Gecko) Chrome/56.0 Safari/600 Google (+https://developers.google.com/+/web/snippet/)',
    'Mozilla/5.0 (compatible; Snap URL Preview Service; bot; snapchat; https://developers.snap.com/robots)',
    'GoToSocial/0.17.0 (+https://example.org)',
    'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)',
  ]

  it('gets name and size, and no bytes, and is not counted', async () => {
    const id = await limited()
    for (const agent of AGENTS) {
      const answer = await get(id, { 'user-agent': agent })
      assert.equal(answer.status, 200, agent)
      assert.match(answer.headers.get('content-type') ?? '', /^text\/html/, agent)
      assert.match(answer.text, /og:title" content="limited.bin"/, agent)
    }
    assert.equal(await countOf(id), 0)
  })

  it('does not learn the name of a file with a passphrase', async () => {
    const headers = { 'x-download-passphrase': 'sesame', accept: 'application/json' }
    const made = await server.owner('/api/files/secret-name.txt', { method: 'PUT', body: 'x', headers })
    const answer = await get(made.json<FileView>().id, { 'user-agent': AGENTS[0] ?? '' })
    assert.doesNotMatch(answer.text, /secret-name/)
  })

  it('is not taken for a person with a CUBOT phone, or in the browser of a chat', async () => {
    const { id } = await server.put('a.txt', 'text')
    for (const agent of [
      'Mozilla/5.0 (Linux; Android 13; CUBOT X70) Chrome/120.0',
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1 Snapchat/13.38.0.39',
      'Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/500.0]',
    ]) {
      assert.equal((await get(id, { 'user-agent': agent })).text, 'text', agent)
    }
  })
})

describe('a file without a limit', () => {
  it('counts a view with its player once', async () => {
    const { id } = await server.put('film.mp4', CONTENT)
    await cutDownload(id, 'Mozilla/5.0 Chrome/156')
    for (const range of ['bytes=0-', 'bytes=2000000-', 'bytes=5-9'])
      await get(id, { range, 'user-agent': 'Mozilla/5.0 Chrome/156' })
    assert.equal(await countOf(id), 1)
  })

  it('lists who downloaded it, or one entry for each address', async () => {
    const { id } = await server.put('a.txt', 'text')
    for (const agent of ['a', 'b', 'c']) await get(id, { 'user-agent': agent })
    const list = async (query: string) =>
      (await server.owner(`/api/files/${id}/downloads${query}`)).json<{
        downloads: { userAgent: string }[]
        total: number
      }>()
    assert.equal((await list('')).total, 3)
    const { downloads, total } = await list('?unique=true')
    assert.deepEqual([total, downloads.length], [1, 1])
  })
})
