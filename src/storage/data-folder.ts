/** The data folder: `holdfast.db`, `files/`, `uploads/`; one server at a time. */
import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { HoldfastError, messageOf, systemErrorCode } from '../base/index.ts'
import { lockFile } from './lock-file.ts'
import { StorageError } from './errors.ts'

export interface DataFolder {
  /** Absolute path. */
  path: string
  databasePath: string
  /** Lets another server have the folder. */
  release(): void
}

/**
 * Makes the folder when it is missing (0700) and takes it for this process. The hold is a lock of the operating system
 * on `server.lock`, so it ends with the process, however that ends.
 * @throws DATA_FOLDER_BUSY when another server has it; DATA_FOLDER_UNUSABLE when it cannot be made or written.
 */
export function openDataFolder(given: string): DataFolder {
  const path = resolve(given)
  for (const folder of [path, join(path, 'files'), join(path, 'uploads')]) {
    makeFolder(folder)
    try {
      // Of a file, access(2) says that permission is denied.
      if (!statSync(folder).isDirectory()) throw new Error(`${folder} is not a folder`)
      accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK)
    } catch (error) {
      throw unusable(path, error)
    }
  }
  const release = lockServer(path)
  if (!release) {
    throw new StorageError('DATA_FOLDER_BUSY', `another Holdfast server uses the data folder ${path}`, {
      hint: 'Stop it, or give this one another folder with --data.',
    })
  }
  return { path, databasePath: join(path, 'holdfast.db'), release }
}

function lockServer(path: string): (() => void) | null {
  try {
    return lockFile(join(path, 'server.lock'))
  } catch (error) {
    throw unusable(path, error)
  }
}

/**
 * A data folder for reading only, beside a server that may be running.
 * @throws DATA_FOLDER_UNUSABLE when it is none.
 */
export function inspectDataFolder(given: string): DataFolder {
  const path = resolve(given)
  const databasePath = join(path, 'holdfast.db')
  if (!existsSync(databasePath)) {
    throw new StorageError('DATA_FOLDER_UNUSABLE', `${path} is not a data folder of Holdfast: it has no holdfast.db`)
  }
  return { path, databasePath, release: () => {} }
}

/** Makes a folder (0700) and those above it, if they are missing. @throws DATA_FOLDER_UNUSABLE */
export function makeFolder(path: string): void {
  try {
    makeFolders(path, 0o700)
  } catch (error) {
    throw unusable(path, error)
  }
}

/**
 * Makes a folder and those above it, if they are missing; others may be making it too. Not Node's recursive mkdir:
 * that one never ends where the system says ENOENT although the parent exists, as in /proc.
 * @throws what mkdir(2) says.
 */
export function makeFolders(given: string, mode = 0o777): void {
  const path = resolve(given)
  if (existsSync(path)) return
  makeFolders(dirname(path), mode)
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error
  }
}

function unusable(path: string, error: unknown): HoldfastError {
  return new StorageError('DATA_FOLDER_UNUSABLE', `the data folder ${path} cannot be used: ${messageOf(error)}`, {
    hint: 'Give a folder that this user may write to with --data.',
    cause: error,
  })
}
