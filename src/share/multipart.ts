/**
 * A strict reader of multipart/form-data (RFC 7578, RFC 2046 section 5.1). It takes a body in chunks of any size, keeps
 * at most one part's headers in memory, and refuses what a lenient parser drops in silence.
 */
import { invalid } from './fields.ts'
import { parsePartHeaders, type PartHeaders } from './part-headers.ts'

/** Where the bytes of a part go. A chunk's memory is the caller's again when `write` returns. */
export interface PartSink {
  write(bytes: Buffer): void
  end(): void
}

const CRLF = Buffer.from('\r\n')
const END_OF_HEADERS = Buffer.from('\r\n\r\n')
const MAX_HEADER_BYTES = 16_384
const CR = 13

type State = 'preamble' | 'after delimiter' | 'headers' | 'before content' | 'content' | 'epilogue'

export class MultipartReader {
  readonly #delimiter: Buffer
  readonly #onPart: (headers: PartHeaders) => PartSink
  #state: State = 'preamble'
  /** Bytes that cannot be judged before more have come. The first delimiter needs no line break before it. */
  #pending: Buffer = CRLF
  #sink: PartSink | null = null

  /** @param onPart called for each part, in order; what it throws ends the reading at once. */
  constructor(boundary: string, onPart: (headers: PartHeaders) => PartSink) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1')
    this.#onPart = onPart
  }

  /**
   * Reads the next bytes of the body. @throws INVALID_REQUEST when they are not a form; what `onPart` and sinks throw.
   */
  push(chunk: Buffer): void {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    for (let before: State | null = null; before !== this.#state && rest.length > 0;) {
      before = this.#state
      rest = this.#step(rest)
    }
    // A copy: the memory of the chunk is the caller's again.
    this.#pending = Buffer.from(rest)
  }

  /** @throws INVALID_REQUEST unless the closing delimiter has come. */
  end(): void {
    if (this.#state !== 'epilogue') throw invalid('form', 'it ends before its closing delimiter')
  }

  /** @returns the bytes that are still to be read. */
  #step(bytes: Buffer): Buffer {
    if (this.#state === 'after delimiter') return this.#readAfterDelimiter(bytes)
    if (this.#state === 'headers') return this.#readHeaders(bytes)
    if (this.#state === 'before content') return this.#readBeforeContent(bytes)
    if (this.#state === 'epilogue') return this.#readEpilogue(bytes)
    return this.#readUntilDelimiter(bytes)
  }

  /** Reads the content of a part, or what stands before the first part. */
  #readUntilDelimiter(bytes: Buffer): Buffer {
    const found = bytes.indexOf(this.#delimiter)
    const end = found === -1 ? bytes.length - this.#partialDelimiter(bytes) : found
    if (end > 0) this.#sink?.write(bytes.subarray(0, end))
    if (found === -1) return bytes.subarray(end)
    this.#sink?.end()
    this.#sink = null
    this.#state = 'after delimiter'
    return bytes.subarray(found + this.#delimiter.length)
  }

  #readAfterDelimiter(bytes: Buffer): Buffer {
    if (bytes.length < 2) return bytes
    if (bytes.toString('latin1', 0, 2) === '--') {
      this.#state = 'epilogue'
      return bytes.subarray(2)
    }
    // RFC 2046 allows blanks between a delimiter and the end of its line.
    let end = 0
    while (bytes[end] === 32 || bytes[end] === 9) end += 1
    if (end > MAX_HEADER_BYTES) throw invalid('form', 'a delimiter is followed by too many blanks')
    if (bytes.length < end + 2) return bytes
    if (!bytes.subarray(end, end + 2).equals(CRLF)) throw invalid('form', 'a delimiter is followed by other bytes')
    this.#state = 'headers'
    // The line break stays: it ends the headers when there are none.
    return bytes.subarray(end)
  }

  #readHeaders(bytes: Buffer): Buffer {
    const end = bytes.indexOf(END_OF_HEADERS)
    const headers = end === -1 ? bytes : bytes.subarray(0, end)
    if (headers.includes(this.#delimiter)) throw invalid('form', 'the headers of a part have no end')
    if (headers.length > MAX_HEADER_BYTES) {
      throw invalid('form', `the headers of a part are longer than ${MAX_HEADER_BYTES} bytes`)
    }
    if (end === -1) return bytes
    this.#sink = this.#onPart(parsePartHeaders(headers))
    this.#state = 'before content'
    return bytes.subarray(end + CRLF.length)
  }

  /** The line break before the content may belong to a delimiter: then the part has no content. */
  #readBeforeContent(bytes: Buffer): Buffer {
    const shared = Math.min(bytes.length, this.#delimiter.length)
    const maybeDelimiter = bytes.subarray(0, shared).equals(this.#delimiter.subarray(0, shared))
    if (maybeDelimiter && shared < this.#delimiter.length) return bytes
    this.#state = 'content'
    return maybeDelimiter ? bytes : bytes.subarray(CRLF.length)
  }

  #readEpilogue(bytes: Buffer): Buffer {
    if (bytes.includes(this.#delimiter)) throw invalid('form', 'another part follows its closing delimiter')
    return bytes.subarray(bytes.length - this.#partialDelimiter(bytes))
  }

  /** Bytes at the end that may be the beginning of a delimiter. */
  #partialDelimiter(bytes: Buffer): number {
    const longest = Math.min(bytes.length, this.#delimiter.length - 1)
    for (let at = bytes.indexOf(CR, bytes.length - longest); at !== -1; at = bytes.indexOf(CR, at + 1)) {
      const length = bytes.length - at
      if (bytes.subarray(at).equals(this.#delimiter.subarray(0, length))) return length
    }
    return 0
  }
}
