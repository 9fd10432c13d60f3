/** A program gets a status and a line, a person a page. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { startServer, temporaryFolder, type FileView, type TestServer } from '../support/server.ts'

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
const PASSPHRASE = 'öffne dich: jetzt'

let server: TestServer
before(async () => {
  server = await startServer({ args: ['--fsync', 'false'] })
})
after(async () => server[Symbol.asyncDispose]())

async function locked(): Promise<string> {
  const headers = { 'x-download-passphrase': encodeURIComponent(PASSPHRASE), accept: 'application/json' }
  return (await server.owner('/api/files/a.txt', { method: 'PUT', body: 'secret text', headers })).json<FileView>().id
}

function runIn(folder: string, command: string, ...args: string[]) {
  return spawnSync(command, args, { cwd: folder, encoding: 'utf8' })
}

describe('a program at a file with a passphrase', () => {
  for (const [program, args] of [
    ['curl', ['-sSfO']],
    ['wget', ['-q']],
    ['aria2c', ['-q']],
  ] as const) {
    const isThere = spawnSync(program, ['--version']).error === undefined
    it(
      `fails when it is ${program}, and saves nothing`,
      { skip: !isThere && `${program} is not installed` },
      async () => {
        const folder = temporaryFolder()
        const id = await locked()
        assert.notEqual(runIn(folder, program, ...args, `${server.url}/-${id}`).status, 0)
        assert.ok(!existsSync(join(folder, `-${id}`)) || readFileSync(join(folder, `-${id}`)).length === 0)
      },
    )
  }

  it('learns from the answer what to send', async () => {
    const answer = await server.guest(`/-${await locked()}`)
    assert.equal(answer.status, 401)
    assert.match(answer.text, /^this file has a passphrase: .*curl -u :PASSPHRASE\n$/)
    assert.match(answer.headers.get('www-authenticate') ?? '', /^Basic /)
    assert.equal(answer.headers.get('content-disposition'), null)
  })

  it('opens it by Basic authentication and by a header', async () => {
    const url = `${server.url}/-${await locked()}`
    assert.equal(execFileSync('curl', ['-sSf', '-u', `:${PASSPHRASE}`, url], { encoding: 'utf8' }), 'secret text')
    const header = `X-Download-Passphrase: ${encodeURIComponent(PASSPHRASE)}`
    assert.equal(execFileSync('curl', ['-sSf', '-H', header, url], { encoding: 'utf8' }), 'secret text')
  })

  it('opens it with letters beyond ASCII in the encodings that programs send', async () => {
    const headers = { 'x-download-passphrase': encodeURIComponent('sésame'), accept: 'application/json' }
    const made = await server.owner('/api/files/a.txt', { method: 'PUT', body: 'secret text', headers })
    for (const bytes of [
      Buffer.from(':sésame'),
      Buffer.from(':sésame', 'latin1'),
      Buffer.from(':sésame'.normalize('NFD')),
    ]) {
      const authorization = `Basic ${bytes.toString('base64')}`
      const answer = await server.guest(`/-${made.json<FileView>().id}`, { headers: { authorization } })
      assert.deepEqual([answer.status, answer.text], [200, 'secret text'])
    }
  })

  it('is asked again after a wrong passphrase, but no page of a browser is', async () => {
    const path = `/-${await locked()}`
    for (const [headers, challenge] of [
      [{ 'x-download-passphrase': 'wrong' }, 'Basic realm="file", charset="UTF-8"'],
      [{ authorization: `Basic ${btoa(':wrong')}`, 'sec-fetch-dest': 'video' }, null],
    ] as [Record<string, string>, string | null][]) {
      const answer = await server.guest(path, { headers })
      assert.deepEqual([answer.status, answer.headers.get('www-authenticate')], [401, challenge])
    }
  })
})

describe('guesses of passphrases', () => {
  it('are slowed down for each file, and a right one elsewhere forgives none', async () => {
    const [mine, victim] = [await locked(), await locked()]
    const guess = async (id: string, passphrase: string) =>
      (await server.guest(`/-${id}`, { headers: { 'x-download-passphrase': encodeURIComponent(passphrase) } })).status
    const statuses: number[] = []
    for (let round = 0; round < 4; round++) {
      for (let wrong = 0; wrong < 3; wrong++) statuses.push(await guess(victim, `${round} ${wrong}`))
      assert.equal(await guess(mine, PASSPHRASE), 200)
    }
    assert.ok(statuses.includes(429), statuses.join())
  })
})

describe('an unlocked file', () => {
  it('stays open over a restart of the server', async () => {
    const own = await startServer({ args: ['--log-level', 'silent'] })
    const headers = { 'x-download-passphrase': 'sesame', accept: 'application/json' }
    const { id } = (await own.owner('/api/files/a.txt', { method: 'PUT', body: 'text', headers })).json<FileView>()
    const opened = await own.guest(`/-${id}/unlock`, {
      method: 'POST',
      body: new URLSearchParams({ passphrase: 'sesame' }),
    })
    const cookie = opened.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    await own.kill()
    await using next = await startServer({ args: ['--log-level', 'silent'], dataFolder: own.dataFolder })
    assert.equal((await next.guest(`/-${id}`, { headers: { cookie } })).text, 'text')
  })
})

describe('a person who follows a link', () => {
  it('reads a page where there is no file', async () => {
    const { id } = await server.put('once.txt', 'text', '?maxDownloads=1')
    await server.guest(`/-${id}`)
    for (const [path, status, words] of [
      ['/-abcdefghjk', 404, 'There is no file here'],
      ['/-abc', 400, 'There is no file here'],
      [`/-${id}`, 410, 'This link has been used up'],
      ['/-abcdefghjk/unlock', 404, 'There is no file here'],
    ] as const) {
      const answer = await server.guest(path, { headers: BROWSER })
      assert.equal(answer.status, status, path)
      assert.match(answer.headers.get('content-type') ?? '', /^text\/html/, path)
      assert.ok(answer.text.includes(words), path)
      assert.equal(answer.headers.get('content-disposition'), null)
      const program = await server.guest(path)
      assert.equal(program.status, status, path)
      assert.match(program.headers.get('content-type') ?? '', /^text\/plain/, path)
    }
  })

  it('keeps the form when guesses are slowed down', async () => {
    const id = await locked()
    const post = (passphrase: string) =>
      server.guest(`/-${id}/unlock`, { method: 'POST', body: new URLSearchParams({ passphrase }), headers: BROWSER })
    const answers = []
    for (let guess = 0; guess < 7; guess++) answers.push(await post(`wrong ${guess}`))
    const last = answers.find(({ status }) => status === 429)
    assert.ok(last)
    assert.match(last.text, /<form method="post">/)
    assert.ok(Number(last.headers.get('retry-after')) >= 1)
  })

  it('is sent to the form of a locked file', async () => {
    const id = await locked()
    const answer = await server.guest(`/-${id}`, { headers: BROWSER })
    assert.deepEqual([answer.status, answer.headers.get('location')], [302, `/-${id}/unlock`])
  })
})

describe('a client that hangs up right after its request', () => {
  it('is not a fault in the log', async () => {
    const { id } = await server.put('a.bin', Buffer.alloc(100_000))
    for (let round = 0; round < 40; round++) {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(`GET /-${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`, () => socket.resetAndDestroy())
      await new Promise((resolve) => socket.once('close', resolve))
    }
    await sleep(300)
    assert.doesNotMatch(server.log, /"level":"?(error|50)|request failed/)
    assert.equal((await server.guest(`/-${id}`)).status, 200)
  })
})
