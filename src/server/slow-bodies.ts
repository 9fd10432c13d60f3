/**
 * Ends bodies that come too slowly to be meant. A body that is read into memory has a deadline; an upload has a lowest
 * rate over a window, which a bad connection of a phone reaches and a client that holds connections open does not.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { ServerError } from './errors.ts'

const PARSED_BODY_DEADLINE_MS = 30_000
const WINDOW_MS = 60_000

/** @param minBytesPerSecond of an upload; 0: no limit. */
export function endSlowBodies(app: FastifyInstance, minBytesPerSecond: number): void {
  app.addHook('preParsing', async (request) => {
    const hasBody =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
    if (!hasBody) return
    if (!request.routeOptions.config.streamsBody) endAfterDeadline(request)
    else if (minBytesPerSecond > 0) endBelowRate(request, minBytesPerSecond)
  })
}

function endAfterDeadline(request: FastifyRequest): void {
  const seconds = PARSED_BODY_DEADLINE_MS / 1000
  const timer = setTimeout(() => end(request, `the body did not come within ${seconds} s`), PARSED_BODY_DEADLINE_MS)
  stopWith(request, timer)
}

function endBelowRate(request: FastifyRequest, minBytesPerSecond: number): void {
  const { socket } = request.raw
  let before = socket.bytesRead
  const timer = setInterval(() => {
    const received = socket.bytesRead - before
    before = socket.bytesRead
    // Backpressure and a wait for 100 Continue do not make a client slow.
    if (request.raw.readableFlowing !== true || received >= (minBytesPerSecond * WINDOW_MS) / 1000) return
    end(request, `the upload came with less than ${minBytesPerSecond} bytes a second`)
  }, WINDOW_MS)
  stopWith(request, timer)
}

function stopWith({ raw }: FastifyRequest, timer: NodeJS.Timeout): void {
  timer.unref()
  const stop = () => clearTimeout(timer)
  raw.once('end', stop).once('close', stop).once('error', stop)
}

/** Whoever reads the body gets the error, and answers. */
function end({ raw }: FastifyRequest, message: string): void {
  raw.emit('error', new ServerError('BODY_TOO_SLOW', message, { retryable: true }))
}
