/**
 * One HTTP request, whose body may be a part of a file, streamed. Not tus-js-client: it waits for ever on an answer
 * that is cut and on a connection that has died, and leaves the file open when a request fails.
 */
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { request, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import { request as secureRequest } from 'node:https'
import { messageOf, type HoldfastError } from '../base/index.ts'
import { failure } from './failures.ts'

/** A connection on which nothing moves for so long is given up, as the share does. */
const IDLE_MS = 120_000
/** Read at once; two such pieces are in memory at most. */
const CHUNK_BYTES = 512 * 1024
/** Of an answer, what could matter is at its beginning. */
const MAX_ANSWER_CHARACTERS = 100_000

export interface Exchange {
  method: string
  url: URL
  headers: OutgoingHttpHeaders
  body?: FilePart
  signal: AbortSignal
}

export interface FilePart {
  path: string
  /** The first byte to send. */
  start: number
  /** The byte after the last one. */
  end: number
  /** Told how many bytes of the part have been sent so far. */
  onSent(bytes: number): void
}

export interface Answer {
  status: number
  headers: IncomingMessage['headers']
  text: string
}

/**
 * An answer is an answer whatever its status.
 * @throws PUBLISH_FAILED, retryable, when none comes; the abort's reason; what reading the file throws.
 */
export async function exchange({ method, url, headers, body, signal }: Exchange): Promise<Answer> {
  const send = url.protocol === 'https:' ? secureRequest : request
  const length = body ? { 'content-length': body.end - body.start } : {}
  // No connection is used twice: the share may have closed a kept one meanwhile.
  const outgoing = send(url, { method, headers: { ...headers, ...length }, agent: false, timeout: IDLE_MS, signal })
  const stalled = new Error(`nothing moved for ${IDLE_MS / 1000} s`)
  outgoing.on('timeout', () => outgoing.destroy(stalled))
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on('response', resolve)
    outgoing.on('error', (error) => reject(unreachable(url, error)))
  })
  // Awaited below, after the body; until then a rejection must not count as unhandled.
  answered.catch(() => {})
  try {
    if (body) await sendPart(outgoing, body, answered)
    outgoing.end()
    return await read(await answered, url)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    outgoing.destroy()
  }
}

async function sendPart(outgoing: ClientRequest, part: FilePart, answered: Promise<unknown>): Promise<void> {
  let hasAnswer = false
  const settled = answered.then(() => (hasAnswer = true))
  settled.catch(() => {})
  const { path, start, end } = part
  let sent = 0
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { start, end: end - 1, highWaterMark: CHUNK_BYTES })
  for await (const chunk of chunks) {
    // A share that answers early, such as with 413, wants no more.
    if (hasAnswer) return
    if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain'), settled])
    sent += chunk.length
    part.onSent(sent)
  }
  if (sent === end - start) return
  throw failure(`${path} became shorter while it was sent`)
}

async function read(incoming: IncomingMessage, url: URL): Promise<Answer> {
  let text = ''
  try {
    for await (const data of incoming.setEncoding('utf8') as AsyncIterable<string>) {
      if (text.length < MAX_ANSWER_CHARACTERS) text += data
    }
  } catch (error) {
    throw unreachable(url, error)
  }
  return { status: incoming.statusCode ?? 0, headers: incoming.headers, text }
}

function unreachable(url: URL, cause: unknown): HoldfastError {
  return failure(`the share at ${url.origin} cannot be reached: ${messageOf(cause)}`, {
    hint: 'See that it runs and that its address is right; what has arrived there is kept, and the next try goes on.',
    retryable: true,
    cause,
  })
}
