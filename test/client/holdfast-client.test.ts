/** The client against a real server, a line that breaks, and servers that are not a share. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Secret } from '../../src/base/index.ts'
import { HoldfastClient, type ClientOptions, type LocalFile } from '../../src/client/index.ts'
import { withListener } from '../helpers/listener.ts'
import { bytes, sha256Of } from '../support/bytes.ts'
import { postJson, startServer, temporaryFolder, type TestServer } from '../support/server.ts'

const MIB = 2 ** 20

let server: TestServer
let token: string
before(async () => {
  server = await startServer({ built: true, args: ['--log-level', 'error'] })
  token = (await server.owner('/api/tokens', postJson({ name: 'client' }))).json<{ token: string }>().token
})
after(async () => server[Symbol.asyncDispose]())

/** A client with little patience. */
function client(given: Partial<ClientOptions> = {}): HoldfastClient {
  const { signal } = new AbortController()
  const options = { url: server.url, token: new Secret(token), tokenSource: 'THE_TOKEN', signal }
  return new HoldfastClient({ ...options, retries: 3, initialDelayMs: 20, ...given })
}

function makeFile(name: string, sizeBytes: number): LocalFile {
  const path = join(temporaryFolder(), name)
  writeFileSync(path, bytes(sizeBytes, name))
  return { path, sizeBytes }
}

async function fails(call: Promise<unknown>, message: RegExp): Promise<void> {
  await assert.rejects(call, (error: Error & { code?: string }) => {
    assert.equal(error.code, 'PUBLISH_FAILED', error.message)
    assert.match(error.message, message)
    assert.ok(!error.message.includes(token))
    return true
  })
}

describe('HoldfastClient', () => {
  it('uploads a file, finds it and removes it', async () => {
    const file = makeFile('disk.img', 3 * MIB)
    const sent: number[] = []
    const id = await client().upload(file, { onProgress: (bytesSent) => sent.push(bytesSent) })
    assert.deepEqual(await client().file(id), {
      id,
      sha256: await sha256Of(bytes(file.sizeBytes, 'disk.img')),
      sizeBytes: file.sizeBytes,
      url: `${server.url}/-${id}`,
    })
    assert.deepEqual([sent[0], sent.at(-1)], [0, file.sizeBytes])
    await client().remove(id)
    assert.equal(await client().file(id), null)
    await client().remove(id)
  })

  it('fails when a file is not removed', async () => {
    const id = await client().upload(makeFile('stays.img', 1000))
    await assert.rejects(client({ token: new Secret('unknown') }).remove(id), { code: 'PUBLISH_FAILED' })
    assert.equal((await client().file(id))?.id, id)
  })

  it('resumes an upload that was ended, and answers with the file once it is whole', async () => {
    const file = makeFile('ended.img', 20 * MIB)
    const stop = new AbortController()
    const reason = new Error('enough')
    let resume = ''
    const onBegun = async ({ href }: URL) => {
      resume = href
    }
    const onProgress = (bytesSent: number) => {
      if (bytesSent > 5 * MIB) stop.abort(reason)
    }
    await assert.rejects(client({ signal: stop.signal }).upload(file, { onBegun, onProgress }), reason)
    const sent: number[] = []
    const id = await client().upload(file, { resume, onProgress: (bytesSent) => sent.push(bytesSent) })
    assert.ok((sent[0] ?? 0) > 0, `${sent[0]}`)
    assert.equal(await client().upload(file, { resume }), id)
  })

  it('begins anew when the share does not know the upload any more', async () => {
    const file = makeFile('lost.img', 1000)
    const begun: string[] = []
    const resume = `${server.url}/api/tus/${'a'.repeat(24)}`
    const id = await client().upload(file, { resume, onBegun: async ({ href }) => void begun.push(href) })
    assert.equal((await client().file(id))?.sizeBytes, 1000)
    assert.equal(begun.length, 1)
  })

  it('keeps trying as long as every try makes progress', async () => {
    const file = makeFile('flaky.bin', 12 * MIB)
    let cuts = 0
    // A line that breaks after each megabyte and a half, once the share has that: otherwise the try would bring
    // nothing on.
    const line = createServer((socket) => {
      const share = connect(server.port, '127.0.0.1')
      let seen = 0
      socket.on('data', (data: Buffer) => {
        if (seen >= 1.5 * MIB) return
        seen += data.length
        share.write(data)
        if (seen < 1.5 * MIB) return
        cuts += 1
        // The share's answer to half a request is lost with the line.
        share.unpipe(socket).resume().end()
      })
      share.pipe(socket)
      socket.on('error', () => {}).on('close', () => share.destroy())
      share.on('error', () => {}).on('close', () => socket.destroy())
    }).listen(0, '127.0.0.1')
    await once(line, 'listening')
    const url = `http://127.0.0.1:${(line.address() as AddressInfo).port}`
    const id = await client({ url, retries: 2 }).upload(file)
    line.close()
    assert.ok(cuts > 4, `${cuts} cuts`)
    assert.equal((await client().file(id))?.sha256, await sha256Of(bytes(file.sizeBytes, 'flaky.bin')))
  })

  it('names the place of a token that the share does not know', async () => {
    const wrong = client({ token: new Secret('hf_wrong') })
    await fails(wrong.file('abcdefghij'), /does not know the API token in THE_TOKEN/)
    await fails(wrong.upload(makeFile('a.bin', 10)), /does not know the API token in THE_TOKEN/)
  })
})

describe('a server at the address that is not a working share', () => {
  const answers: Record<string, RequestListener> = {
    'a page for everything': (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html', server: 'nginx/1.26' }).end('<h1>Welcome</h1>')
    },
    'nothing under this path': (_request, response) => response.writeHead(404).end('404 page not found'),
    'another login': (_request, response) => response.writeHead(401, { 'www-authenticate': 'Basic' }).end(),
    'a creation without an upload': (_request, response) => response.writeHead(201).end('{}'),
  }
  for (const [name, listener] of Object.entries(answers)) {
    it(name, async () => {
      const file = makeFile('a.bin', 10)
      await withListener(listener, async (url) =>
        fails(client({ url }).upload(file), /no Holdfast share at .*answered HTTP/),
      )
    })
  }

  it('asks a failing server again, then gives up', async () => {
    const file = makeFile('a.bin', 10)
    let asked = 0
    const listener: RequestListener = (_request, response) => {
      asked += 1
      response.writeHead(502).end('<h1>Bad gateway</h1>')
    }
    await withListener(listener, async (url) => fails(client({ url }).upload(file), /does not take .*HTTP 502/))
    assert.equal(asked, 4)
  })

  it('reports a server that cuts its answers, or gives none', async () => {
    const file = makeFile('a.bin', 10)
    const cut: RequestListener = (_request, response) => {
      response.writeHead(201, { 'content-length': '100' }).write('half')
      setTimeout(() => response.destroy(), 20)
    }
    await withListener(cut, async (url) => fails(client({ url, retries: 1 }).upload(file), /cannot be reached/))
    const reset: RequestListener = (request) => void request.socket.resetAndDestroy()
    await withListener(reset, async (url) => fails(client({ url, retries: 1 }).upload(file), /cannot be reached/))
  })

  it('does not send the token to another server', async () => {
    const file = makeFile('a.bin', 10)
    let visits = 0
    const count: RequestListener = (_request, response) => {
      visits += 1
      response.end()
    }
    await withListener(count, async (elsewhere) => {
      const send: RequestListener = (_request, response) =>
        response.writeHead(201, { location: `${elsewhere}/u` }).end()
      await withListener(send, async (url) => fails(client({ url }).upload(file), /sends the upload elsewhere/))
      await fails(client().upload(file, { resume: `${elsewhere}/u` }), /sends the upload elsewhere/)
    })
    assert.equal(visits, 0)
  })

  it('is refused before any request when the address is not one', () => {
    for (const url of ['files.example.org', 'ftp://files.example.org'])
      assert.throws(() => client({ url }), /is not an address of a share/)
  })
})
