/** /api/openapi.json against the real routes and the real answers. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { z } from 'zod'
import { record } from '../builds/recorded.ts'
import { encodeForm, formHeaders, NEVER } from '../support/forms.ts'
import { postJson, putJson, startServer, type RequestOptions, type TestServer } from '../support/server.ts'

type Schema = Parameters<typeof z.fromJSONSchema>[0]
interface Operation {
  summary?: string
  parameters?: { name: string; in: string }[]
  responses: Record<string, { content?: Record<string, { schema: Record<string, unknown> }> }>
}
interface OpenApi {
  openapi: string
  info: { version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, unknown> }
}

let server: TestServer
let document: OpenApi
before(async () => {
  server = await startServer({ args: ['--log-level', 'silent'] })
  document = (await server.guest('/api/openapi.json')).json<OpenApi>()
})
after(async () => server[Symbol.asyncDispose]())

/** The schema of an answer, with what it refers to beside it. */
function schemaOf(path: string, method: string, status: string): z.ZodType {
  const { content } = document.paths[path]?.[method]?.responses[status] ?? {}
  const schema = Object.values(content ?? {})[0]?.schema
  assert.ok(schema, `${method} ${path} ${status} has a schema`)
  const text = JSON.stringify({ ...schema, definitions: document.components.schemas })
  return z.fromJSONSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/definitions/')) as Schema, {
    defaultTarget: 'openapi-3.0',
  })
}

describe('the OpenAPI document', () => {
  it('is valid, and describes each operation', () => {
    assert.match(document.openapi, /^3\.\d+\.\d+$/)
    for (const [path, operations] of Object.entries(document.paths)) {
      for (const [method, { summary, parameters = [] }] of Object.entries(operations)) {
        assert.ok(summary, `${method} ${path}`)
        const named = [...path.matchAll(/\{(\w+|\*)\}/g)].map((match) => match[1] ?? '')
        const described = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
        assert.deepEqual(described.toSorted(), named.toSorted(), `${method} ${path}`)
      }
    }
  })

  it('lists only existing routes', async () => {
    for (const [path, operations] of Object.entries(document.paths)) {
      // A method that no route has: its answer names all that there are.
      const absent = path.includes('/tus/') ? 'PUT' : path.startsWith('/api/files') ? 'POST' : 'PATCH'
      const { headers } = await server.guest(path.replaceAll(/\{[^}]+\}/g, 'x'), { method: absent })
      const allowed = headers.get('allow')?.split(', ') ?? []
      for (const method of Object.keys(operations))
        assert.ok(allowed.includes(method.toUpperCase()), `${method} ${path}`)
      const listed = Object.keys(operations).map((method) => method.toUpperCase())
      const missing = allowed.filter((method) => method !== 'HEAD' && !listed.includes(method))
      // A wildcard route answers for paths of others too.
      if (!path.startsWith('/api/files')) assert.deepEqual(missing, [], path)
    }
  })

  it('lists every route of the API', () => {
    const listed = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    assert.deepEqual(listed.toSorted(), EXPECTED.toSorted())
  })
})

const TUS = ['/api/tus', '/api/guest/{id}/tus'].flatMap((path) =>
  ['OPTIONS #/', 'POST #/', 'DELETE #/{upload}', 'HEAD #/{upload}', 'PATCH #/{upload}', 'POST #/{upload}'].map(
    (route) => route.replace('#', path),
  ),
)

const EXPECTED = [
  ...TUS,
  'DELETE /api/auth',
  'DELETE /api/entry/{id}',
  'DELETE /api/guest-links/{id}',
  'DELETE /api/tokens/{id}',
  'DELETE /api/sessions',
  'DELETE /api/sessions/{id}',
  'GET /api/sessions',
  'DELETE /api/trash',
  'GET /api/trash',
  'POST /api/trash/guest-links/{id}/restore',
  'POST /api/trash/{id}/restore',
  'GET /api/builds',
  'GET /api/builds/{state}/{name}',
  'GET /api/builds/{state}/{name}/events',
  'GET /api/builds/{state}/{name}/history',
  'GET /api/builds/{state}/{name}/log',
  'GET /api/files',
  'GET /api/files/{id}',
  'PATCH /api/files/{id}',
  'GET /api/files/{id}/downloads',
  'GET /api/guest-links',
  'GET /api/guest/{id}',
  'GET /api/health',
  'GET /api/metrics',
  'GET /api/ready',
  'GET /api/session',
  'GET /api/settings',
  'GET /api/system',
  'GET /api/tokens',
  'GET /api/uploads/{id}/events',
  'GET /metrics',
  'POST /api/auth',
  'POST /api/entry',
  'POST /api/guest-links',
  'POST /api/guest/{id}',
  'POST /api/tokens',
  'PUT /api/entry/{id}',
  'PUT /api/files/{id}',
  'PUT /api/guest-links/{id}/disable',
  'PUT /api/guest-links/{id}/enable',
  'PUT /api/settings',
]

/** One with everything that a build may have. */
async function recordBuild(dataFolder: string): Promise<void> {
  const at = '2026-11-22T10:00:00.000Z'
  const step = {
    name: 'one',
    status: 'failed',
    error: 'no',
    startedAt: at,
    endedAt: at,
    exitStatus: 1,
    output: 'x',
  } as const
  const artifact = { path: '/a', sizeBytes: 1, sha256: 'ab', url: 'http://x/-y', type: 'file' }
  await record(dataFolder, 'default', [
    { name: 'u/null.a', status: 'failed', provisioners: [{ ...step, attempts: 1 }], artifacts: [artifact] },
    { name: 'u/null.b' },
  ])
}

describe('real answers', () => {
  it('match the document', async () => {
    const form: RequestOptions = {
      method: 'POST',
      body: encodeForm([{ name: 'file', filename: 'a.txt', content: 'x' }]),
      headers: formHeaders(),
    }
    const json = { accept: 'application/json' }
    const ask = async (path: string, method: string, at = path, options: RequestOptions = {}, status = '200') => {
      const answer = await server.owner(at, { method: method.toUpperCase(), ...options })
      assert.equal(String(answer.status), status, `${method} ${at}: ${answer.text}`)
      const parsed = schemaOf(path, method, status).safeParse(answer.json())
      assert.ok(parsed.success, `${method} ${at}: ${answer.text}\n${parsed.error?.message}`)
      return answer.json<{ id: string }>()
    }
    const link = await ask(
      '/api/guest-links',
      'post',
      undefined,
      postJson({ urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '24h', label: 'A' }),
    )
    const limits = {
      urlExpirationTime: '2100-01-01T00:00:00Z',
      fileLifetime: '876000h',
      maxFileBytes: 2_000_000,
      maxFileUploads: 3,
    }
    await ask('/api/guest-links', 'post', undefined, postJson(limits))
    const { id } = await ask('/api/entry', 'post', `/api/entry?${NEVER}`, form)
    await ask('/api/guest/{id}', 'post', `/api/guest/${link.id}`, form)
    await ask(
      '/api/files/{id}',
      'put',
      '/api/files/a%20b.txt?maxDownloads=3&note=n',
      { body: 'x', headers: json },
      '201',
    )
    await server.guest(`/-${id}`)
    await ask('/api/tokens', 'post', undefined, postJson({ name: 'a' }))
    await server.owner('/api/settings', putJson({ defaultExpirationDays: 7, defaultNeverExpire: true }))
    await recordBuild(server.dataFolder)
    for (const path of [
      '/api/builds',
      '/api/files',
      '/api/guest-links',
      '/api/health',
      '/api/metrics',
      '/api/ready',
      '/api/session',
      '/api/settings',
      '/api/system',
      '/api/tokens',
    ]) {
      await ask(path, 'get')
    }
    await ask('/api/builds/{state}/{name}', 'get', '/api/builds/default/u%2Fnull.a')
    await ask('/api/builds/{state}/{name}/history', 'get', '/api/builds/default/u%2Fnull.a/history')
    await ask('/api/files/{id}', 'get', `/api/files/${id}`)
    await ask('/api/files/{id}/downloads', 'get', `/api/files/${id}/downloads`)
    await ask('/api/guest/{id}', 'get', `/api/guest/${link.id}`)
  })

  it('do not match another schema', () => {
    assert.ok(
      !schemaOf('/api/health', 'get', '200').safeParse({ status: 'fine', version: '1', uptime_seconds: 1 }).success,
    )
    assert.ok(!schemaOf('/api/files', 'get', '200').safeParse({ files: [{ id: 5 }], total: 1, totalBytes: 1 }).success)
  })
})
