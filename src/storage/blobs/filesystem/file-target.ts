/** A partial file as the target of a write. Writes go to the page cache; only `flush` waits for the disk. */
import { closeSync, fdatasync, fstatSync, ftruncateSync, openSync, read, unlinkSync, writeSync } from 'node:fs'
import type { WriteTarget } from '../writing/write-target.ts'

export class FileTarget implements WriteTarget {
  readonly sizeBytes: number
  readonly #path: string
  readonly #fd: number

  constructor(path: string, isNew: boolean) {
    this.#path = path
    this.#fd = openSync(path, isNew ? 'wx' : 'r+', 0o600)
    this.sizeBytes = isNew ? 0 : fstatSync(this.#fd).size
  }

  write(bytes: Uint8Array, position: number): void {
    for (let offset = 0; offset < bytes.length;) {
      offset += writeSync(this.#fd, bytes, offset, bytes.length - offset, position + offset)
    }
  }

  flush(callback: (error: Error | null) => void): void {
    fdatasync(this.#fd, callback)
  }

  read(buffer: Buffer, position: number, callback: (error: Error | null, bytesRead: number) => void): void {
    read(this.#fd, buffer, 0, buffer.length, position, callback)
  }

  cut(sizeBytes: number): void {
    ftruncateSync(this.#fd, sizeBytes)
  }

  close(): void {
    closeSync(this.#fd)
  }

  remove(): void {
    unlinkSync(this.#path)
  }
}
