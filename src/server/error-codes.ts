/** The codes of all rooms that the server is made of. */
import { BASE_ERRORS, type ErrorTable } from '../base/index.ts'
import { BUILD_ERRORS } from '../builds/routes/index.ts'
import { LOCK_ERRORS } from '../lock/index.ts'
import { SHARE_ERRORS } from '../share/index.ts'
import { STATE_ERRORS } from '../state/index.ts'
import { STORAGE_ERRORS } from '../storage/index.ts'
import { SERVER_ERRORS } from './errors.ts'

export const SERVED_ERRORS: ErrorTable = {
  ...BASE_ERRORS,
  ...SHARE_ERRORS,
  ...SERVER_ERRORS,
  ...STORAGE_ERRORS,
  ...LOCK_ERRORS,
  ...STATE_ERRORS,
  ...BUILD_ERRORS,
}

/** The HTTP status of a code. */
export function statusOf(code: string): number {
  return (SERVED_ERRORS[code] ?? BASE_ERRORS.INTERNAL).http
}
