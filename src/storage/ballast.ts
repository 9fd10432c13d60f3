/**
 * A file whose only purpose is its space: where other programs have filled the disk, giving it up lets the database
 * write what frees space again.
 */
import { closeSync, fsyncSync, openSync, rmSync, statSync, writeSync } from 'node:fs'

const SIZE_BYTES = 4_194_304
/** Zeros would cost no space on file systems that compress. */
const PIECE = Buffer.from(Array.from({ length: 65_536 }, (_, index) => (index * 31 + (index >> 3)) & 255))

export class Ballast {
  readonly #path: string

  constructor(path: string) {
    this.#path = path
  }

  /** Takes the space unless it is taken. @returns false when there is no room. */
  take(): boolean {
    if (this.missingBytes() === 0) return true
    try {
      const file = openSync(this.#path, 'w', 0o600)
      try {
        for (let written = 0; written < SIZE_BYTES; written += PIECE.length) writeSync(file, PIECE)
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      return true
    } catch {
      this.release()
      return false
    }
  }

  /** The bytes of it that are given up, or were never had. */
  missingBytes(): number {
    return Math.max(0, SIZE_BYTES - this.#size())
  }

  /** Gives the space up. @returns whether there was any. */
  release(): boolean {
    const size = this.#size()
    try {
      rmSync(this.#path, { force: true })
      return size > 0
    } catch {
      return false
    }
  }

  #size(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0
  }
}
