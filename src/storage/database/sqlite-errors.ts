/** What an error of node:sqlite means. Primary result codes: https://sqlite.org/rescode.html */
import { HoldfastError, messageOf, systemErrorCode } from '../../base/index.ts'
import { IndexDamage } from './index-damage.ts'
import { StorageError } from '../errors.ts'

const ERROR = 1
const PERM = 3
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const PROTOCOL = 15
const NOTADB = 26
/** A kind of IOERR: no space for the memory that the connections of a database share, a file beside it. */
const IOERR_SHMSIZE = IOERR | (19 << 8)

/** Of files: conditions of the machine that pass. A full disk (ENOSPC) is none: it needs a person. */
const TRANSIENT_FILE_ERRORS = ['EAGAIN', 'EBUSY', 'EINTR', 'EIO', 'EMFILE', 'ENFILE', 'ETIMEDOUT']
const INACCESSIBLE_FILE_ERRORS = ['EACCES', 'EISDIR', 'ENOTDIR', 'EPERM', 'EROFS']

function sqliteCode(error: unknown): number | null {
  const code = extendedCode(error)
  // The low byte is the primary code, the rest says which kind of it.
  return code === null ? null : code & 0xff
}

function extendedCode(error: unknown): number | null {
  if (systemErrorCode(error) !== 'ERR_SQLITE_ERROR') return null
  return error instanceof Error && 'errcode' in error ? Number(error.errcode) : null
}

/** Another connection has the database: trying again is all that is needed. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error)
  return code === BUSY || code === LOCKED || code === PROTOCOL
}

/** The file is not what SQLite wrote. */
export function isCorrupt(error: unknown): boolean {
  if (error instanceof IndexDamage) return true
  const code = sqliteCode(error)
  if (code === CORRUPT || code === NOTADB) return true
  // The statements are ours and fixed: when they do not fit, it is the tables that are wrong.
  return code === ERROR && /no such (table|column)|malformed/.test(messageOf(error))
}

export function isDiskFull(error: unknown): boolean {
  const code = systemErrorCode(error)
  return sqliteCode(error) === FULL || extendedCode(error) === IOERR_SHMSIZE || code === 'ENOSPC' || code === 'EDQUOT'
}

/** The file, or its folder, is not for us to read or write: of another user, on a read-only disk, no file at all. */
export function isInaccessible(error: unknown): boolean {
  const code = sqliteCode(error)
  if (code !== null) return code === PERM || code === READONLY || code === CANTOPEN
  return INACCESSIBLE_FILE_ERRORS.includes(systemErrorCode(error) ?? '')
}

/** For errors of `isInaccessible`. @param what The file, as a message names it: `the state in /srv/a.db`. */
export function unusableFile(what: string, cause: unknown): HoldfastError {
  return new StorageError('DATA_FOLDER_UNUSABLE', `${what} cannot be used: ${messageOf(cause)}`, {
    hint: 'Check that this user may read and write the file and its folder, and that the disk is not read-only.',
    retryable: true,
    cause,
  })
}

/** A failure of the disk or of the machine that may pass. */
export function isTransientFailure(error: unknown): boolean {
  if (isDiskFull(error)) return false
  const code = sqliteCode(error)
  if (code !== null) return code === IOERR || code === CANTOPEN
  return TRANSIENT_FILE_ERRORS.includes(systemErrorCode(error) ?? '')
}
