/** Whether a file that is open is still the one under its path: writes to another file would be lost. */
import { accessSync, closeSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { StorageError } from '../errors.ts'

export class FileInPlace {
  readonly path: string
  readonly #inode: number

  private constructor(path: string, inode: number) {
    this.path = path
    this.#inode = inode
  }

  /**
   * To be called before the file is opened: only so can the opened file be told from a later one. Makes a file that
   * is missing.
   * @throws DATA_FOLDER_UNUSABLE for what is not a file; the system's error for an unreadable file.
   */
  static at(path: string): FileInPlace {
    // Only if missing: closing an existing file would drop this process's SQLite locks on it (POSIX).
    if (!existsSync(path)) closeSync(openSync(path, 'a'))
    const stat = statSync(path)
    if (!stat.isFile()) throw new StorageError('DATA_FOLDER_UNUSABLE', `${path} is not a file`)
    // Without this SQLite would say only that it cannot open it, as it does of what may pass.
    accessSync(path, constants.R_OK)
    return new FileInPlace(path, stat.ino)
  }

  /** In place, and not cut to nothing. Not to be asked before something has been written to a new file. */
  isIntact(): boolean {
    const stat = statSync(this.path, { throwIfNoEntry: false })
    return stat?.ino === this.#inode && stat.size > 0
  }

  isInPlace(): boolean {
    return statSync(this.path, { throwIfNoEntry: false })?.ino === this.#inode
  }
}
