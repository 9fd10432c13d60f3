/** Reads a file that another process goes on writing, line by line, in flat memory. */
import { closeSync, openSync, readSync } from 'node:fs'
import { systemErrorCode } from '../base/index.ts'

const CHUNK_BYTES = 256 * 1024
const NEWLINE = 0x0a
/** A line that grows beyond this loses its middle. */
const MAX_LINE_BYTES = 1024 * 1024
/** Bytes kept of its beginning, and of its end. */
const KEPT_BYTES = 64 * 1024

export class LineTail {
  readonly #path: string
  readonly #buffer = Buffer.alloc(CHUNK_BYTES)
  #offset = 0
  /** Of the line that has not ended. */
  #rest: Buffer[] = []
  #restBytes = 0
  /** Whether the last call of `lines` came to the end of what was there. */
  isAtEnd = false

  constructor(path: string) {
    this.#path = path
  }

  /**
   * The lines that were ended since the last call; none while the file is not there.
   * @param maxBytes Stops when it has read about so much.
   */
  *lines(maxBytes = Infinity): Generator<string> {
    this.isAtEnd = true
    const file = this.#open()
    if (file === null) return
    try {
      const until = this.#offset + maxBytes
      while (this.#offset < until) {
        const length = readSync(file, this.#buffer, 0, CHUNK_BYTES, this.#offset)
        if (length === 0) return
        this.#offset += length
        yield* this.#split(this.#buffer.subarray(0, length))
      }
      this.isAtEnd = false
    } finally {
      closeSync(file)
    }
  }

  *#split(chunk: Buffer): Generator<string> {
    const end = chunk.lastIndexOf(NEWLINE) + 1
    if (end > 0) {
      this.#rest.push(chunk.subarray(0, end - 1))
      const text = Buffer.concat(this.#rest).toString('utf8')
      this.#rest = []
      this.#restBytes = 0
      yield* text.split('\n')
    }
    this.#keep(Buffer.from(chunk.subarray(end)))
  }

  #keep(rest: Buffer): void {
    this.#rest.push(rest)
    this.#restBytes += rest.length
    if (this.#restBytes <= MAX_LINE_BYTES) return
    const line = Buffer.concat(this.#rest)
    this.#rest = [line.subarray(0, KEPT_BYTES), Buffer.from(' [...] '), line.subarray(-KEPT_BYTES)].map(copyOf)
    this.#restBytes = this.#rest.reduce((sum, { length }) => sum + length, 0)
  }

  #open(): number | null {
    try {
      return openSync(this.#path, 'r')
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return null
      throw error
    }
  }
}

/** Without the memory that it is a part of. */
function copyOf(part: Buffer): Buffer {
  return Buffer.from(part)
}
