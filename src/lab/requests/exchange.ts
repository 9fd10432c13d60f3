/**
 * One HTTP request with a body that is made while it is sent, timed. No connection is used twice: a socket that was
 * kept and closed by the server meanwhile would fail an innocent request.
 */
import { once } from 'node:events'
import { request, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as secureRequest } from 'node:https'

export interface Exchange {
  method: string
  url: string
  headers?: OutgoingHttpHeaders
  body?: Iterable<Buffer>
  /** Called with each piece of the answer; without it the answer's text is kept. */
  onData?: (data: Buffer) => void
  signal: AbortSignal
}

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
  text: string
  /** From the first byte sent to the answer's last, nanoseconds. */
  durationNs: number
  /** Until the last byte of the body was handed to the kernel, nanoseconds; the rest of the time is the server's. */
  sentNs: number
}

/** An answer is an answer whatever its status. @throws the socket's error when none comes. */
export async function exchange({ method, url, headers, body = [], onData, signal }: Exchange): Promise<Answer> {
  const send = url.startsWith('https:') ? secureRequest : request
  // Not `close`, though no connection is used twice: a server that refuses an upload early would close it under our
  // writing, and its answer would be lost.
  const outgoing = send(url, { method, agent: false, signal, headers: { connection: 'keep-alive', ...headers } })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve)
    outgoing.on('error', reject)
  })
  answered.catch(() => undefined)
  let hasAnswer = false
  const settled = answered.finally(() => (hasAnswer = true))
  settled.catch(() => undefined)
  const startedAt = process.hrtime.bigint()
  const elapsed = () => Number(process.hrtime.bigint() - startedAt)
  for (const chunk of body) {
    // A server that answers early, such as with 413, wants no more.
    if (hasAnswer) break
    if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain', { signal }), settled])
  }
  outgoing.end()
  const sentNs = elapsed()
  const incoming = await answered
  let text = ''
  for await (const data of incoming as AsyncIterable<Buffer>) {
    if (onData) onData(data)
    else text += data.toString()
  }
  const durationNs = elapsed()
  outgoing.destroy()
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text, durationNs, sentNs }
}
