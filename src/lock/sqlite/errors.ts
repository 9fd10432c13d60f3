/** What the errors of SQLite mean to callers that use locks. */
import { HoldfastError, messageOf } from '../../base/index.ts'
import { isCorrupt, isDiskFull, isInaccessible, unusableFile } from '../../storage/index.ts'
import { LockError } from '../errors.ts'

export function translate(error: unknown, path: string): unknown {
  if (isDiskFull(error)) {
    return new LockError('NO_SPACE', `the disk of ${path} is full: no lock can be taken or released`, {
      hint: 'Free some space and try again.',
      retryable: true,
      cause: error,
    })
  }
  if (isInaccessible(error)) return unusableFile(`the file of all locks, ${path},`, error)
  if (!isCorrupt(error)) return error
  return new LockError('LOCK_DAMAGED', `the file of all locks, ${path}, is damaged: ${messageOf(error)}`, {
    hint: `Stop everything that uses locks, remove ${path}, and start again: states keep their own highest token.`,
    cause: error,
  })
}

export function replaced(path: string): HoldfastError {
  return new LockError('LOCKS_REPLACED', `the file of all locks, ${path}, was removed or replaced`, {
    hint: 'Open the locks again. All that were held are lost.',
    retryable: true,
  })
}

export function closedMeanwhile(): HoldfastError {
  return new LockError('NOT_READY', 'the locks were closed during the wait')
}
