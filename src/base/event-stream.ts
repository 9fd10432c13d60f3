/** The beginning of an answer in server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html). */
import type { OutgoingHttpHeaders } from 'node:http'
import type { FastifyReply } from 'fastify'

/**
 * Sends the headers; from now on events are written to `reply.raw`, which the caller ends.
 * @returns aborted when the client is gone or has closed its side.
 */
export function beginEvents(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => gone.abort())
  // A client that closes its side may still want an answer, but not one without an end.
  reply.request.raw.socket.once('end', () => gone.abort())
  reply.hijack()
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as OutgoingHttpHeaders),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  })
  reply.raw.flushHeaders()
  return gone.signal
}
