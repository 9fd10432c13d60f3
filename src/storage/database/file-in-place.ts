/** Whether a file that is open is still the one under its path: what is written to another one nobody will read. */
import { closeSync, existsSync, openSync, statSync } from 'node:fs'

export class FileInPlace {
  readonly path: string
  readonly #inode: number

  private constructor(path: string, inode: number) {
    this.path = path
    this.#inode = inode
  }

  /** To be called before the file is opened: only so can what was opened be told from what came later. Makes one that is missing. */
  static at(path: string): FileInPlace {
    if (!existsSync(path)) closeSync(openSync(path, 'a'))
    return new FileInPlace(path, statSync(path).ino)
  }

  isInPlace(): boolean {
    return statSync(this.path, { throwIfNoEntry: false })?.ino === this.#inode
  }
}
