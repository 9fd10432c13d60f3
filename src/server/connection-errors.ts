/** Answers what the HTTP parser refuses, which no route and no hook gets to see. */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError } from 'fastify'
import { systemErrorCode } from '../base/index.ts'
import { statusOf } from './error-codes.ts'
import type { ServerErrorCode } from './errors.ts'
import { SAFE_HEADERS } from './requests.ts'

const REASONS: Readonly<Record<string, { code: ServerErrorCode; status: string; message: string }>> = {
  HPE_HEADER_OVERFLOW: {
    code: 'HEADERS_TOO_LARGE',
    status: 'Request Header Fields Too Large',
    message: 'the headers of the request are too large',
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    code: 'BODY_TOO_SLOW',
    status: 'Request Timeout',
    message: 'the request did not come in time',
  },
}
const MALFORMED = { code: 'INVALID_REQUEST', status: 'Bad Request', message: 'the request is not valid HTTP' } as const

/** @param error with what had come of the request, as Node gives it. */
export function answerConnectionError(error: ConnectionError, socket: Socket): void {
  if (systemErrorCode(error) === 'ECONNRESET' || !socket.writable || isAnswering(socket)) {
    socket.destroy()
    return
  }
  const { code, status, message } = REASONS[systemErrorCode(error) ?? ''] ?? MALFORMED
  // Its type says otherwise, but it is a buffer.
  const packet: unknown = error.rawPacket
  const head = Buffer.isBuffer(packet) ? packet.toString('latin1') : ''
  const wantsJson = /^accept:.*application\/json/im.test(head)
  const body = wantsJson ? JSON.stringify({ error: { code, message } }) : `${message}\n`
  const headers = {
    ...SAFE_HEADERS,
    'content-type': `${wantsJson ? 'application/json' : 'text/plain'}; charset=utf-8`,
    'content-length': Buffer.byteLength(body),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end(`HTTP/1.1 ${statusOf(code)} ${status}\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
}

/**
 * Whether an answer has begun: more output would lie among its bytes. Node's own handler asks in the same way.
 */
function isAnswering(socket: Socket): boolean {
  const { _httpMessage: response } = socket as Socket & { _httpMessage?: ServerResponse | null }
  return response?.headersSent ?? false
}
