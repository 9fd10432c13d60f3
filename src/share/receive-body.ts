/** Moves the body of a request into a blob, chunk by chunk, with backpressure and without leaving garbage behind. */
import { finished, type Readable } from 'node:stream'
import { HoldfastError } from '../base/index.ts'
import type { BlobWriter } from '../storage/index.ts'
import { ShareError } from './errors.ts'

/** Sees each chunk of the body, with its length in bytes, before it is stored; what it throws ends the upload. */
export type OnBytes = (length: number, chunk: Buffer) => void

/**
 * Feeds every chunk of `body` to `take` until the body ends.
 * @param take stores the chunk and says whether it wants the next one now; the chunk's memory may be freed afterwards.
 * @throws what `take` throws, why `writer` failed, or UPLOAD_INTERRUPTED when the client went away.
 */
export function receive(body: Readable, writer: BlobWriter, take: (chunk: Buffer) => boolean): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onData = (chunk: Buffer) => {
    try {
      if (take(chunk)) return
    } catch (error) {
      return reject(error)
    }
    body.pause()
    writer.drained().then(() => body.resume(), reject)
  }
  body.on('data', onData)
  const onFailed = () => reject(writer.failed.reason as Error)
  writer.failed.addEventListener('abort', onFailed)
  const stopWatching = finished(body, { writable: false }, (error) => {
    if (error instanceof HoldfastError) reject(error)
    else if (error) reject(new ShareError('UPLOAD_INTERRUPTED', 'the connection ended before the upload was whole'))
    else resolve()
  })
  return promise.finally(() => {
    stopWatching()
    body.off('data', onData)
    // Without a listener it would flow on: a client would send at full speed unwanted bytes until it has its answer.
    body.pause()
    writer.failed.removeEventListener('abort', onFailed)
  })
}

/** Stores a raw body. */
export function receiveBody(body: Readable, writer: BlobWriter, onBytes: OnBytes): Promise<void> {
  return receive(body, writer, (chunk) => {
    onBytes(chunk.length, chunk)
    const isReady = writer.write(chunk)
    release(chunk)
    return isReady
  })
}

/**
 * Frees the memory of a chunk that is not needed again. Left to the garbage collector, the chunks of a fast
 * upload pile up to tens of megabytes before it gets to them.
 */
export function release(chunk: Buffer): void {
  const memory = chunk.buffer
  if (memory instanceof ArrayBuffer && memory.byteLength === chunk.byteLength) memory.transfer(0)
}
