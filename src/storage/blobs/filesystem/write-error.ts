/** What an error of a partial file means to the client that uploads. */
import { systemErrorCode } from '../../../base/index.ts'
import { StorageError } from '../../errors.ts'

/** @param isResumable whether the partial file stays. @returns TOO_LARGE, NO_SPACE, or the error itself. */
export function writeError(error: Error, isResumable: boolean): Error {
  const code = systemErrorCode(error)
  const kept = isResumable ? 'what had arrived is kept' : 'nothing of it was kept'
  if (code === 'EFBIG') {
    return new StorageError('TOO_LARGE', `the disk takes no file that large: the upload was stopped and ${kept}`, {
      hint: 'FAT32 ends at 4 GB: put the data folder on another file system. Or raise the limit of `ulimit -f`.',
      cause: error,
    })
  }
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error
  return new StorageError('NO_SPACE', `the disk is full: the upload was stopped and ${kept}`, {
    hint: 'Free some space, or delete files that are no longer needed, and upload again.',
    cause: error,
  })
}
