/** Follows a build's log: everything new in it since the last look, as readable text. */
import type { FileHandle } from 'node:fs/promises'
import { chunks, openLog, tailStart } from './log-file.ts'
import { ReadableLog } from './readable-log.ts'

/** Bytes of a log that a reader gets at first, or at once, at most. */
const MAX_BYTES = 128 * 1024

export interface LogNews {
  text: string
  /** It takes the place of all that came before: the first look, or another run's log. */
  isNew: boolean
  /** Whether text before this was left out. */
  isCut: boolean
}

export class LogFollower {
  readonly #dataFolder: string
  #path: string | null = null
  #inode = 0
  #offset = 0
  #lines = new ReadableLog()

  constructor(dataFolder: string) {
    this.#dataFolder = dataFolder
  }

  /** @returns null when nothing is new. */
  async look(path: string | null): Promise<LogNews | null> {
    const file = path === null ? null : await openLog(this.#dataFolder, path)
    if (!file) return this.#lost()
    try {
      return await this.#lookAt(file, path)
    } finally {
      await file.close()
    }
  }

  /** An existing log is gone: it was removed, or another run has replaced it. */
  #lost(): LogNews | null {
    if (this.#path === null) return null
    this.#path = null
    return { text: '', isNew: true, isCut: false }
  }

  async #lookAt(file: FileHandle, path: string | null): Promise<LogNews | null> {
    const { ino, size } = await file.stat()
    const isNew = path !== this.#path || ino !== this.#inode || size < this.#offset
    if (!isNew && size === this.#offset) return null
    const isTooMuch = size - (isNew ? 0 : this.#offset) > MAX_BYTES
    if (isNew || isTooMuch) {
      this.#path = path
      this.#inode = ino
      this.#lines = new ReadableLog()
      this.#offset = await tailStart(file, size, MAX_BYTES)
    }
    const news = { text: '', isNew: isNew || isTooMuch, isCut: (isNew || isTooMuch) && this.#offset > 0 }
    for await (const chunk of chunks(file, this.#offset, size)) {
      news.text += this.#lines.push(chunk)
      this.#offset += chunk.length
    }
    return news.isNew || news.text !== '' ? news : null
  }
}
