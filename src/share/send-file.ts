/** Sends a file or parts of it: one range, several as multipart/byteranges, or all; memory does not grow with it. */
import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { BlobStore, ByteRange, ChunkSink } from '../storage/index.ts'

export interface Sending {
  blobs: BlobStore
  key: string
  sizeBytes: number
  contentType: string
  /** Null is the whole file. */
  ranges: ByteRange[] | null
  /** HEAD: headers only. */
  headersOnly: boolean
  headers: Readonly<Record<string, string | number | string[] | undefined>>
  /** Sees each part of the file that the socket has taken. */
  onSent(range: ByteRange): void
}

/**
 * Answers on `response`.
 * @throws when the client goes away or the blob is damaged; the connection is cut then, so that the client notices.
 */
export async function sendFile(response: ServerResponse, sending: Sending): Promise<void> {
  const { blobs, key, sizeBytes, contentType, ranges, headersOnly } = sending
  const parts = layOut(ranges, sizeBytes, contentType)
  response.writeHead(ranges ? 206 : 200, {
    ...sending.headers,
    'content-type': parts.contentType,
    'content-length': parts.length,
    ...(parts.contentRange && { 'content-range': parts.contentRange }),
  })
  if (headersOnly) {
    response.end()
    return
  }
  const gone = new AbortController()
  response.once('close', () => gone.abort(new Error('the client went away')))
  const sink = writeTo(response, gone.signal)
  try {
    for (const { preamble, range } of parts.list) {
      if (preamble) await sink(preamble)
      let position = range.start
      const send = async (chunk: Uint8Array) => {
        await sink(chunk)
        sending.onSent({ start: position, end: position + chunk.length })
        position += chunk.length
      }
      await blobs.copy(key, range, send, gone.signal)
    }
    response.end(parts.epilogue)
  } catch (error) {
    response.destroy()
    throw error
  }
}

interface Layout {
  contentType: string
  contentRange: string | null
  length: number
  list: { preamble: Buffer | null; range: ByteRange }[]
  epilogue: string
}

function layOut(ranges: ByteRange[] | null, sizeBytes: number, contentType: string): Layout {
  const [only, second] = ranges ?? [{ start: 0, end: sizeBytes }]
  if (only && !second) {
    const contentRange = ranges ? describe(only, sizeBytes) : null
    return {
      contentType,
      contentRange,
      length: only.end - only.start,
      list: [{ preamble: null, range: only }],
      epilogue: '',
    }
  }
  const boundary = randomBytes(16).toString('hex')
  const list = (ranges ?? []).map((range) => {
    const head = `\r\n--${boundary}\r\nContent-Type: ${contentType}\r\nContent-Range: ${describe(range, sizeBytes)}\r\n\r\n`
    return { preamble: Buffer.from(head), range }
  })
  const epilogue = `\r\n--${boundary}--\r\n`
  const length = list.reduce(
    (sum, part) => sum + part.preamble.length + part.range.end - part.range.start,
    epilogue.length,
  )
  return { contentType: `multipart/byteranges; boundary=${boundary}`, contentRange: null, length, list, epilogue }
}

function describe(range: ByteRange, sizeBytes: number): string {
  return `bytes ${range.start}-${range.end - 1}/${sizeBytes}`
}

/** Resolves each write when the socket has taken it, which is the backpressure; rejects when the client is gone. */
function writeTo(response: ServerResponse, signal: AbortSignal): ChunkSink {
  const gone = Promise.withResolvers<never>()
  gone.promise.catch(() => {})
  signal.addEventListener('abort', () => gone.reject(signal.reason))
  return (chunk) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    response.write(chunk, (error) => (error ? reject(error) : resolve()))
    return Promise.race([promise, gone.promise])
  }
}
