/** What holds for every route: who may call it, wrong methods, unknown paths, the form of errors. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { postJson, putJson, sendJson, startServer, type RequestOptions, type TestServer } from '../support/server.ts'

const FILE = 'abcdefghjk'
const LINK = 'abcdefghjkmnpqrs'
const UPLOAD = 'abcdefghjkmnpqrsabcdefgh'

/** Every route that needs a login, with a request that would otherwise be sound. */
const CLOSED: [string, string, RequestOptions?][] = [
  ['POST', '/api/entry?expiration=2999-12-31T00:00:00Z', { body: form() }],
  ['PUT', `/api/entry/${FILE}`, putJson({ filename: 'a' })],
  ['DELETE', `/api/entry/${FILE}`],
  ['PUT', '/api/files/name.txt', { body: 'text' }],
  ['GET', '/api/builds'],
  ['GET', '/api/builds/default/x'],
  ['GET', '/api/builds/default/x/history'],
  ['GET', '/api/builds/default/x/log'],
  ['GET', '/api/builds/default/x/events'],
  ['GET', '/api/files'],
  ['GET', `/api/files/${FILE}`],
  ['PATCH', `/api/files/${FILE}`, sendJson('PATCH', { note: null })],
  ['GET', `/api/files/${FILE}/downloads`],
  ['GET', '/api/trash'],
  ['DELETE', '/api/trash'],
  ['POST', `/api/trash/${FILE}/restore`],
  ['GET', '/api/guest-links'],
  ['POST', '/api/guest-links', postJson({})],
  ['DELETE', `/api/guest-links/${LINK}`],
  ['PUT', `/api/guest-links/${LINK}/enable`],
  ['PUT', `/api/guest-links/${LINK}/disable`],
  ['POST', `/api/trash/guest-links/${LINK}/restore`],
  ['GET', '/api/settings'],
  ['PUT', '/api/settings', putJson({ defaultExpirationDays: 1, defaultNeverExpire: false })],
  ['GET', '/api/tokens'],
  ['POST', '/api/tokens', postJson({ name: 'a' })],
  ['DELETE', `/api/tokens/${FILE}`],
  ['GET', '/api/sessions'],
  ['DELETE', '/api/sessions/x'],
  ['DELETE', '/api/sessions'],
  ['GET', '/api/system'],
  ['POST', '/api/tus/'],
  ...['HEAD', 'PATCH', 'POST', 'DELETE'].map((method): [string, string] => [method, `/api/tus/${UPLOAD}`]),
]

/** Every route that is open, with the status that a stranger gets. */
const OPEN: [string, string, number, RequestOptions?][] = [
  ['POST', '/api/auth', 400, postJson({})],
  ['DELETE', '/api/auth', 200],
  ['GET', '/api/session', 200],
  ['GET', '/api/health', 200],
  ['GET', '/api/ready', 200],
  ['GET', '/api/metrics', 200],
  ['GET', '/metrics', 200],
  ['GET', '/api/openapi.json', 200],
  ['GET', `/api/guest/${LINK}`, 404],
  ['POST', `/api/guest/${LINK}`, 404, { body: form() }],
  ['GET', `/-${FILE}`, 404],
  ['GET', `/-${FILE}/name.txt`, 404],
  ['GET', `/!${FILE}`, 404],
  ['GET', `/!${FILE}/name.txt`, 404],
  ['GET', `/-${FILE}/unlock`, 404],
  ['POST', `/-${FILE}/unlock`, 404],
  ['OPTIONS', '/api/tus/', 204],
  ['OPTIONS', `/api/guest/${LINK}/tus/`, 204],
  ['POST', `/api/guest/${LINK}/tus/`, 412],
  ['POST', `/api/guest/${LINK}/tus/`, 404, { headers: { 'tus-resumable': '1.0.0' } }],
  ...['HEAD', 'PATCH', 'DELETE', 'POST'].map((method): [string, string, number] => [
    method,
    `/api/guest/${LINK}/tus/${UPLOAD}`,
    412,
  ]),
]

function form(): FormData {
  const data = new FormData()
  data.append('file', new Blob(['text']), 'name.txt')
  return data
}

let server: TestServer
before(async () => {
  server = await startServer()
})
after(async () => server[Symbol.asyncDispose]())

describe('without a login', () => {
  for (const [method, path, options] of CLOSED) {
    it(`${method} ${path} is 401`, async () => {
      for (const headers of [{}, { cookie: 'sharedSecret=guess' }, { authorization: 'Bearer hf_guess' }]) {
        const answer = await server.guest(path, {
          method,
          ...options,
          headers: { ...(options?.headers as Record<string, string>), ...headers },
        })
        assert.equal(answer.status, 401)
        assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8')
        assert.match(answer.headers.getSetCookie()[0] ?? '', /^sharedSecret=;.*Expires=Thu, 01 Jan 1970/)
      }
    })
  }

  for (const [method, path, status, options] of OPEN) {
    it(`${method} ${path} is ${status}`, async () => {
      assert.equal((await server.guest(path, { method, ...options })).status, status)
    })
  }

  it('does not store a refused upload', async () => {
    assert.equal((await server.list()).total, 0)
  })

  it('gets 401 from metrics that are not public', async () => {
    await using closed = await startServer({ args: ['--public-metrics', 'false'] })
    for (const path of ['/metrics', '/api/metrics']) {
      assert.equal((await closed.guest(path)).status, 401)
      assert.equal((await closed.owner(path)).status, 200)
    }
    assert.equal((await closed.guest('/api/health')).status, 200)
  })
})

describe('these tables', () => {
  it('name every route of the API', async () => {
    const document = (await server.guest('/api/openapi.json')).json<{ paths: Record<string, object> }>()
    const named = [...CLOSED, ...OPEN].map(([method, path]) => ({ method, path: path.split('?')[0] ?? '' }))
    for (const [path, methods] of Object.entries(document.paths)) {
      // The watcher's route does not end by itself; progress.test.ts has it.
      if (path === '/api/uploads/{id}/events') continue
      const pattern = new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, '[^/]+')}$`)
      for (const method of Object.keys(methods)) {
        const isNamed = named.some((route) => route.method === method.toUpperCase() && pattern.test(route.path))
        assert.ok(isNamed, `${method} ${path}`)
      }
    }
  })
})

describe('an unknown path', () => {
  for (const path of [
    '/nothing',
    '/api',
    '/api/nothing',
    '/api/entry/',
    '/api/guest-links/a/b',
    '/.env',
    '/data/holdfast.db',
  ]) {
    it(`${path} is 404`, async () => {
      for (const ask of [server.guest.bind(server), server.owner.bind(server)]) {
        const answer = await ask(path)
        assert.equal(answer.status, 404)
        assert.match(answer.text, /^[^\n]+\n$/)
        assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8')
      }
    })
  }
})

describe('a wrong method', () => {
  const cases: [string, string, string[]][] = [
    ['GET', '/api/entry', ['POST']],
    ['PATCH', `/api/entry/${FILE}`, ['DELETE', 'PUT']],
    ['GET', '/api/auth', ['DELETE', 'POST']],
    ['POST', '/api/settings', ['GET', 'HEAD', 'PUT']],
    ['POST', '/api/health', ['GET', 'HEAD']],
    ['DELETE', `/-${FILE}`, ['GET', 'HEAD']],
    ['PUT', `/-${FILE}/unlock`, ['GET', 'HEAD', 'POST']],
    ['GET', `/api/guest-links/${LINK}/enable`, ['PUT']],
    ['DELETE', '/api/guest-links', ['GET', 'HEAD', 'POST']],
    ['OPTIONS', '/api/files', ['GET', 'HEAD']],
  ]
  for (const [method, path, allowed] of cases) {
    it(`${method} ${path} is 405 and says what is allowed`, async () => {
      const answer = await server.guest(path, { method })
      assert.equal(answer.status, 405)
      const allow = answer.headers.get('allow')?.split(', ') ?? []
      for (const name of allowed) assert.ok(allow.includes(name), `${name} in ${allow.join(' ')}`)
      assert.ok(!allow.includes(method))
    })
  }
})

describe('an unwanted body', () => {
  it('does not turn 404 and 405 into something else', async () => {
    for (const headers of [{}, { 'content-type': 'application/json' }, { 'content-type': 'multipart/form-data' }]) {
      assert.equal((await server.guest('/nothing', { method: 'PUT', body: 'text', headers })).status, 404)
      assert.equal((await server.guest('/api/health', { method: 'PUT', body: 'text', headers })).status, 405)
      assert.equal((await server.guest('/nothing', { method: 'POST', body: 'x'.repeat(400_000), headers })).status, 404)
    }
  })
})

describe('HEAD', () => {
  for (const path of ['/api/health', '/api/files', '/api/openapi.json', '/nothing', `/-${FILE}`, '/api/settings']) {
    it(`${path} has the status of GET and no body`, async () => {
      const [get, head] = [await server.owner(path), await server.owner(path, { method: 'HEAD' })]
      assert.equal(head.status, get.status)
      assert.equal(head.bytes.length, 0)
    })
  }
})

describe('errors', () => {
  it('are a line of text, or JSON for clients that accept it', async () => {
    const text = await server.owner('/api/entry/bad', { method: 'DELETE' })
    assert.equal(text.status, 400)
    assert.match(text.text, /^[^\n]+\n$/)
    const json = await server.owner('/api/entry/bad', { method: 'DELETE', headers: { accept: 'application/json' } })
    assert.equal(json.status, 400)
    assert.match(json.headers.get('content-type') ?? '', /^application\/json/)
    const { error } = json.json<{ error: { code: string; message: string } }>()
    assert.equal(error.code, 'INVALID_ID')
    assert.ok(error.message)
  })

  for (const path of ['/-%zz', '/api/files/%ff', '/%', `/-${'a'.repeat(5000)}`]) {
    it(`${path.slice(0, 20)} is 400, as text and with safe headers`, async () => {
      const answer = await server.guest(path)
      assert.equal(answer.status, 400)
      assert.equal(answer.headers.get('content-type'), 'text/plain; charset=utf-8')
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
      assert.ok(answer.headers.get('content-security-policy'))
    })
  }

  it('are 400 for a malformed body, 413 for a large one', async () => {
    const headers = { 'content-type': 'application/json' }
    for (const body of ['', '{', '[]', 'null', '"text"', '{"sharedSecretKey":5}', '\0']) {
      assert.equal((await server.guest('/api/auth', { method: 'POST', headers, body })).status, 400, body)
    }
    const large = JSON.stringify({ sharedSecretKey: 'a'.repeat(300_000) })
    assert.equal((await server.guest('/api/auth', { method: 'POST', headers, body: large })).status, 413)
  })

  it('are 400 for bytes that are not HTTP, and end the connection', async () => {
    for (const text of [
      'hello\r\n\r\n',
      'GET / HTTP/1.1\r\n\r\n',
      'GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n',
    ]) {
      assert.match(await raw(text), /^HTTP\/1\.1 400 /, text)
    }
    assert.match(await raw(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'a'.repeat(100_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /)
  })

  it('do not show paths or stacks', async () => {
    const answer = await server.owner('/api/files?limit=x&sort=y', { headers: { accept: 'application/json' } })
    assert.equal(answer.status, 400)
    assert.doesNotMatch(answer.text, /\/src\/|node_modules|at \w+ \(/)
  })

  it('do not hit a DELETE or PUT with a Content-Type but without a body', async () => {
    const headers = { 'content-type': 'application/json' }
    assert.equal((await server.owner(`/api/entry/${FILE}`, { method: 'DELETE', headers })).status, 200)
    assert.equal((await server.owner(`/api/guest-links/${LINK}/enable`, { method: 'PUT', headers })).status, 404)
  })
})

function raw(text: string): Promise<string> {
  return new Promise((resolve) => {
    let received = ''
    const socket = connect(server.port, '127.0.0.1', () => socket.end(text))
    socket.setEncoding('utf8').on('data', (chunk: string) => (received += chunk))
    socket.on('error', () => {}).on('close', () => resolve(received))
  })
}
