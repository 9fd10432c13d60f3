/** Reads a multipart form with one file in it (RFC 7578), storing the file while it arrives. */
import { isUtf8 } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import { describeUnknownName } from '../base/index.ts'
import type { BlobWriter } from '../storage/index.ts'
import { BodyDigests } from './body-digests.ts'
import { invalid } from './fields.ts'
import { MultipartReader, type PartSink } from './multipart.ts'
import { lastSegment, withoutEscapes, type PartHeaders } from './part-headers.ts'
import { receive, release, type OnBytes } from './receive-body.ts'
import { requireBareFile, requireWholeFile } from './whole-file.ts'
import { ShareError } from './errors.ts'

export interface UploadForm {
  filename: string
  /** As the part says; empty when it says nothing. */
  contentType: string
  /** The other fields. */
  fields: ReadonlyMap<string, string>
}

/** What a form has besides its file: delimiters, headers, fields. */
export const MAX_FORM_ENVELOPE_BYTES = 65_536
const MAX_FIELD_BYTES = 4096
const FILE_FIELD = 'file'
/** Uploaders for web pages (Uppy) repeat in these what the headers of the file's part say. */
const NAME_FIELD = 'name'
const TYPE_FIELD = 'type'
const REPEATING_FIELDS: readonly string[] = [NAME_FIELD, TYPE_FIELD, 'relativePath']

/**
 * @param allowedFields the fields that the form may have besides `file`, and besides fields that repeat its headers.
 * @returns once the whole form has been read and its `file` part is in the writer.
 * @throws INVALID_REQUEST when the body is not a form, lacks the part `file`, or has any other part than those allowed,
 * each once; see {@link receive} for the rest.
 */
export async function receiveForm(
  request: IncomingMessage,
  writer: BlobWriter,
  onBytes: OnBytes,
  allowedFields: readonly string[],
): Promise<UploadForm> {
  const parts = new FormParts(writer, allowedFields)
  const reader = new MultipartReader(boundaryOf(request), (headers) => parts.begin(headers))
  await receive(request, writer, (chunk) => {
    onBytes(chunk.length, chunk)
    parts.isWriterReady = true
    reader.push(chunk)
    release(chunk)
    return parts.isWriterReady
  })
  reader.end()
  return parts.form()
}

/** Decides for each part where it goes, and refuses what would be dropped. */
class FormParts {
  /** Whether the writer wants more now. */
  isWriterReady = true
  readonly #writer: BlobWriter
  readonly #allowedFields: readonly string[]
  readonly #fields = new Map<string, string>()
  #file: PartHeaders | null = null

  constructor(writer: BlobWriter, allowedFields: readonly string[]) {
    this.#writer = writer
    this.#allowedFields = allowedFields
  }

  begin(headers: PartHeaders): PartSink {
    if (headers.name === FILE_FIELD) return this.#beginFile(headers)
    if (headers.filename !== null) {
      throw invalid(
        'form',
        `the file ${quote(headers.filename)} is in the field ${quote(headers.name)}, expected 'file'`,
      )
    }
    if (!this.#allowedFields.includes(headers.name) && !REPEATING_FIELDS.includes(headers.name)) {
      throw invalid('form', describeUnknownName(headers.name, [FILE_FIELD, ...this.#allowedFields]))
    }
    if (this.#fields.has(headers.name)) throw invalid(headers.name, 'the form has it twice')
    return this.#beginField(headers.name)
  }

  /** @throws INVALID_REQUEST when there was no file. */
  form(): UploadForm {
    if (!this.#file) throw invalid('form', "it has no file in a field named 'file'")
    const { filename, contentType } = this.#file
    const name = this.#fields.get(NAME_FIELD)
    requireSame(NAME_FIELD, name, filename ?? '', (text) => withoutEscapes(lastSegment(text)))
    requireSame(TYPE_FIELD, this.#fields.get(TYPE_FIELD), contentType ?? '', (text) => text.toLowerCase())
    // The field holds the name as it is: a header can not tell an escaped quote from a name with %22 in it.
    return {
      filename: name ? lastSegment(name) : (filename ?? ''),
      contentType: contentType ?? '',
      fields: this.#fields,
    }
  }

  #beginFile(headers: PartHeaders): PartSink {
    if (this.#file) {
      throw invalid('form', `it has a second file, ${quote(headers.filename ?? '')}: send each in a form of its own`)
    }
    requireWholeFile(headers.all)
    requireBareFile(headers.all)
    this.#file = headers
    const digests = new BodyDigests(headers.all)
    const write = (bytes: Buffer) => {
      digests.update(bytes)
      this.isWriterReady = this.#writer.write(bytes)
    }
    const end = () => {
      digests.check()
      requireLength(headers.all['content-length'], this.#writer.sizeBytes)
    }
    return { write, end }
  }

  #beginField(name: string): PartSink {
    const pieces: Buffer[] = []
    let length = 0
    this.#fields.set(name, '')
    return {
      write: (bytes) => {
        length += bytes.length
        if (length > MAX_FIELD_BYTES) throw invalid(name, `it is longer than ${MAX_FIELD_BYTES} bytes`)
        pieces.push(Buffer.from(bytes))
      },
      end: () => {
        const value = Buffer.concat(pieces)
        // Replaced characters would make another passphrase of it.
        if (!isUtf8(value)) throw invalid(name, 'it is not UTF-8')
        this.#fields.set(name, value.toString())
      },
    }
  }
}

/** A name or type that differs is meant for something else, and must not be dropped. @throws INVALID_REQUEST */
function requireSame(
  field: string,
  given: string | undefined,
  ofPart: string,
  normalize: (text: string) => string,
): void {
  if (!given || normalize(given) === normalize(ofPart)) return
  throw invalid(field, `it is ${quote(given)}, but the file's part says ${quote(ofPart)}`)
}

/** Some clients give each part its length. @throws INVALID_REQUEST when the part has another. */
function requireLength(given: string | undefined, bytes: number): void {
  if (given === undefined || Number(given) === bytes) return
  throw invalid('form', `its file has ${bytes} bytes, but its Content-Length says ${quote(given)}`)
}

/** @throws INVALID_REQUEST when the request has no form. */
function boundaryOf(request: IncomingMessage): string {
  const type = request.headers['content-type'] ?? ''
  const hint = "Send the file as a form field named 'file': curl -F file=@NAME"
  if (!/^multipart\/form-data\s*(;|$)/i.test(type)) {
    throw new ShareError('INVALID_REQUEST', `the body is not a multipart form but ${quote(type || 'of no type')}`, {
      hint,
    })
  }
  // RFC 2046 section 5.1.1: 1 to 70 of certain characters, quoted where they need it.
  const [, quoted, token] = /;\s*boundary=(?:"([^"]+)"|([^\s;"]+))/i.exec(type) ?? []
  const boundary = quoted ?? token
  if (boundary !== undefined && /^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/.test(boundary)) return boundary
  throw new ShareError('INVALID_REQUEST', `the form has no valid boundary: ${quote(type)}`, { hint })
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}
