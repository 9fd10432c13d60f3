/** What an error of the disk means, whoever met it: SQLite or the file system. */
import { HoldfastError, systemErrorCode } from '../base/index.ts'
import { isCorrupt, isDiskFull, isInaccessible, isTransientFailure } from './database/sqlite-errors.ts'
import { StorageError } from './errors.ts'

/** Of files: the folder was moved or unmounted, the disk fails, or parts of the folder lie on different disks. */
const UNUSABLE = ['EIO', 'ENOENT', 'ENODEV', 'ENXIO', 'ESTALE', 'EXDEV', 'ELOOP', 'EMEDIUMTYPE']

/** The error for clients and the log's reader, or null where the disk is not the reason. It names no path. */
export function diskError(cause: unknown): HoldfastError | null {
  if (isDiskFull(cause)) {
    return new StorageError('NO_SPACE', 'the disk is full', {
      hint: 'Delete files that are no longer needed, or give the server more disk.',
      retryable: true,
      cause,
    })
  }
  const isUnusable =
    isInaccessible(cause) ||
    isCorrupt(cause) ||
    isTransientFailure(cause) ||
    UNUSABLE.includes(systemErrorCode(cause) ?? '')
  if (!isUnusable) return null
  return new StorageError('DATA_FOLDER_UNUSABLE', 'the data folder cannot be read or written right now', {
    hint: 'The log of the server has the details.',
    retryable: true,
    cause,
  })
}
