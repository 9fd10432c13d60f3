/** Reads a file that somebody else goes on writing, line by line. */
import { closeSync, openSync, readSync } from 'node:fs'
import { systemErrorCode } from '../base/index.ts'

const CHUNK_BYTES = 256 * 1024

export class LineTail {
  readonly #path: string
  readonly #buffer = Buffer.alloc(CHUNK_BYTES)
  #offset = 0
  #rest: Buffer = Buffer.alloc(0)

  constructor(path: string) {
    this.#path = path
  }

  /** The lines that were ended since the last call; none while the file is not there. */
  *lines(): Generator<string> {
    const file = this.#open()
    if (file === null) return
    try {
      for (;;) {
        const length = readSync(file, this.#buffer, 0, CHUNK_BYTES, this.#offset)
        if (length === 0) return
        this.#offset += length
        const read = Buffer.concat([this.#rest, this.#buffer.subarray(0, length)])
        const end = read.lastIndexOf('\n') + 1
        this.#rest = read.subarray(end)
        if (end > 0) yield* read.toString('utf8', 0, end - 1).split('\n')
      }
    } finally {
      closeSync(file)
    }
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
