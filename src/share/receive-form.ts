/** Reads a multipart form with one file in it (RFC 7578), storing the file while it arrives. */
import type { IncomingMessage } from 'node:http'
import { Busboy, type BusboyFileStream, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy'
import { HoldfastError, messageOf } from '../base/index.ts'
import type { BlobWriter } from '../storage/index.ts'
import { invalid } from './fields.ts'
import { receive, release, type OnBytes } from './receive-body.ts'

export interface UploadForm {
  filename: string
  /** As the part says; may be empty. */
  contentType: string
  /** The other fields; of a repeated one the first. */
  fields: ReadonlyMap<string, string>
}

const LIMITS = { fields: 20, fieldSize: 4096, parts: 40, headerPairs: 20 }

/**
 * @returns once the whole form has been read and its `file` part is in the writer.
 * @throws INVALID_REQUEST when the body is no multipart form or has no part `file`; see {@link receive} for the rest.
 */
export async function receiveForm(request: IncomingMessage, writer: BlobWriter, onBytes: OnBytes): Promise<UploadForm> {
  const form = openForm(request)
  const fields = new Map<string, string>()
  let file: FilePart | null = null
  let wantsMore = true
  form.on('field', (name, value) => {
    if (!fields.has(name)) fields.set(name, value)
  })
  form.on('file', (name, stream, filename, _encoding, contentType) => {
    // A body that ends inside the part is an error of that part's stream alone.
    stream.on('error', (error) => form.emit('error', error))
    if (name !== 'file' || file) {
      stream.resume()
      return
    }
    file = { stream, filename: filename ?? '', contentType: contentType ?? '' }
    stream.on('data', (part: Buffer) => {
      wantsMore = writer.write(part)
    })
  })
  const parsed = new Promise<void>((resolve, reject) => {
    form.on('finish', resolve)
    form.on('error', (error) => reject(invalid('form', messageOf(error))))
  })
  const received = receive(request, writer, (chunk) => {
    onBytes(chunk.length)
    wantsMore = true
    form.write(chunk)
    // The parser hands out slices of the chunk, and streams of parts that nobody wants pass theirs on in the next tick
    // only: emptied under them, they would never end.
    setImmediate(() => {
      if (form.writableLength === 0 && (file?.stream.readableLength ?? 0) === 0) release(chunk)
    })
    return wantsMore
  })
  await Promise.all([parsed, received.then(() => form.end())])
  if (!file) throw invalid('form', "it has no file in a field named 'file'")
  const { filename, contentType } = file as FilePart
  return { filename, contentType, fields }
}

interface FilePart {
  stream: BusboyFileStream
  filename: string
  contentType: string
}

function openForm(request: IncomingMessage): BusboyInstance {
  try {
    return new Busboy({ headers: request.headers as BusboyHeaders, limits: LIMITS })
  } catch (error) {
    throw new HoldfastError('INVALID_REQUEST', `the body is no multipart form: ${messageOf(error)}`, {
      hint: "Send the file as a form field named 'file': curl -F file=@NAME",
    })
  }
}
