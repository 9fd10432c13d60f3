/** Multipart forms byte by byte, well formed or not, and what a connection does with them. */
import { connect, type Socket } from 'node:net'
import type { TestServer } from './server.ts'

export const BOUNDARY = '----holdfast-test-7d4a'
export const NEVER = 'expiration=2999-12-31T00:00:00Z'

export interface Part {
  name: string
  filename?: string
  contentType?: string
  content: Uint8Array | string
}

export function encodeForm(parts: Part[], boundary = BOUNDARY): Buffer<ArrayBuffer> {
  const pieces = parts.flatMap(({ name, filename, contentType, content }) => {
    const file = filename === undefined ? '' : `; filename="${filename.replaceAll(/[\\"]/g, String.raw`\$&`)}"`
    const type = contentType === undefined ? '' : `Content-Type: ${contentType}\r\n`
    const head = `--${boundary}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n${type}\r\n`
    return [Buffer.from(head), Buffer.from(content as Uint8Array), Buffer.from('\r\n')]
  })
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)])
}

export function formHeaders(boundary = BOUNDARY): Record<string, string> {
  return { 'content-type': `multipart/form-data; boundary=${boundary}`, accept: 'application/json' }
}

/** Uploads a form to PicoShare's route as the owner. */
export async function postForm(server: TestServer, parts: Part[], query = NEVER) {
  const body = encodeForm(parts)
  return await server.owner(`/api/entry?${query}`, { method: 'POST', body, headers: formHeaders() })
}

/** A connection on which a test says every byte itself. */
export class RawConnection {
  readonly socket: Socket
  received = ''
  readonly closed: Promise<string>

  constructor(server: TestServer, text: string) {
    this.socket = connect(server.port, '127.0.0.1')
    this.socket.write(text)
    this.socket.setEncoding('latin1').on('data', (chunk: string) => (this.received += chunk))
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve(this.received)))
  }

  /** The statuses of all answers so far, `100` included. */
  get statuses(): number[] {
    return [...this.received.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map((match) => Number(match[1]))
  }
}

/** The head of a request of the owner, with `headers` as lines. */
export function requestHead(server: TestServer, request: string, headers: string[]): string {
  return [`${request} HTTP/1.1`, 'Host: localhost', `Cookie: ${server.cookie}`, ...headers, '', ''].join('\r\n')
}
