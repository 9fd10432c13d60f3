import { messageOf, systemErrorCode } from '../../base/index.ts'
import { isDiskFull } from '../../storage/index.ts'
import { LabError } from '../errors.ts'

const NOT_ALLOWED = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST', 'EISDIR', 'EIO']

/**
 * Does `work`, which writes to `folder`, and says for a person what is the matter with that folder.
 * @throws LAB_FOLDER_UNUSABLE when it cannot be written or its disk is full, besides what `work` throws.
 */
export async function usingFolder<T>(folder: string, work: () => Promise<T> | T): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const isFull = isDiskFull(error)
    if (!isFull && !NOT_ALLOWED.includes(systemErrorCode(error) ?? '') && !isDenied(error)) throw error
    const hint = isFull
      ? 'Make room, then go on with --resume, or begin anew with an --out on another disk. The measurements are kept.'
      : 'It must be a folder that can be written to; --out and XDG_CACHE_HOME name others.'
    throw new LabError('LAB_FOLDER_UNUSABLE', `the lab cannot use ${folder}: ${messageOf(error)}`, {
      hint,
      cause: error,
    })
  }
}

/** In /proc there is no making of folders, and the system says that it is not there. */
function isDenied(error: unknown): boolean {
  return (
    systemErrorCode(error) === 'ENOENT' && error instanceof Error && 'syscall' in error && error.syscall === 'mkdir'
  )
}
