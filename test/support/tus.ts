/** tus 1.0 byte by byte: https://tus.io/protocols/resumable-upload. */
import assert from 'node:assert/strict'
import { RawConnection, requestHead } from './forms.ts'
import { eventually, postJson, type Answer, type Body, type RequestOptions, type TestServer } from './server.ts'

export const OCTETS = 'application/offset+octet-stream'
const TUS = { 'tus-resumable': '1.0.0' }

export function metadata(fields: Record<string, string>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`)
    .join(',')
}

/** A request of the owner with the header that all of them need. */
export async function tus(server: TestServer, method: string, path: string, options: RequestOptions = {}) {
  return await server.owner(path, { method, ...options, headers: { ...TUS, ...(options.headers as object) } })
}

/** Begins an upload. @returns its path. */
export async function beginUpload(
  server: TestServer,
  length: number,
  fields: Record<string, string> = {},
): Promise<string> {
  const headers = { 'upload-length': `${length}`, 'upload-metadata': metadata({ filename: 'a.bin', ...fields }) }
  const answer = await tus(server, 'POST', '/api/tus/', { headers })
  assert.equal(answer.status, 201, answer.text)
  const location = answer.headers.get('location') ?? ''
  assert.match(location, /^\/api\/tus\/[A-Za-z0-9]{24}$/)
  return location
}

/** Sends a part; a body that is a stream goes without its length. */
export async function patch(server: TestServer, path: string, offset: number, body: Body): Promise<Answer> {
  const headers = { 'upload-offset': `${offset}`, 'content-type': OCTETS }
  return await tus(server, 'PATCH', path, { headers, body, duplex: 'half' })
}

/** Where the upload stands. */
export async function offsetOf(server: TestServer, path: string): Promise<number> {
  const answer = await tus(server, 'HEAD', path)
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  return Number(answer.headers.get('upload-offset'))
}

/** Waits until so many bytes of a running upload have come, including its earlier parts. */
export async function arrived(server: TestServer, count: number): Promise<void> {
  await eventually(async () => {
    const { uploads } = (await server.owner('/api/system')).json<{ uploads: { bytes: number }[] }>()
    return uploads.some(({ bytes }) => bytes === count)
  })
}

export function fileId(answer: Answer): string {
  const id = answer.headers.get('holdfast-file-id')
  assert.match(id ?? '', /^[A-Za-z0-9]{10}$/)
  return id ?? ''
}

/** The head of a PATCH, for a connection on which the test says every byte of the body. */
export function startPatch(server: TestServer, path: string, offset: number, length: number, more: string[] = []) {
  const headers = [
    'Tus-Resumable: 1.0.0',
    `Upload-Offset: ${offset}`,
    `Content-Type: ${OCTETS}`,
    `Content-Length: ${length}`,
  ]
  return new RawConnection(server, requestHead(server, `PATCH ${path}`, [...headers, ...more]))
}

/** @returns the id of a guest link without limits but those given. */
export async function guestLink(server: TestServer, limits: object): Promise<string> {
  const body = { label: null, urlExpirationTime: '2999-12-31T00:00:00Z', fileLifetime: '48h' }
  const all = { ...body, maxFileBytes: null, maxFileUploads: null, ...limits }
  const answer = await server.owner('/api/guest-links', postJson(all))
  assert.equal(answer.status, 200, answer.text)
  return answer.json<{ id: string }>().id
}
