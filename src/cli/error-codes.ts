/** The codes of all rooms. A module of its own, because it loads them all: main.ts imports it after a failure. */
import { BASE_ERRORS, type ErrorTable } from '../base/index.ts'
import { CLIENT_ERRORS } from '../client/index.ts'
import { LAB_ERRORS } from '../lab/index.ts'
import { SERVED_ERRORS } from '../server/index.ts'
import { CLI_ERRORS } from './errors.ts'

export const ERROR_CODES: ErrorTable = { ...SERVED_ERRORS, ...CLIENT_ERRORS, ...LAB_ERRORS, ...CLI_ERRORS }

/** The exit code for a failure with this code. */
export function exitCodeOf(code: string): number {
  return (ERROR_CODES[code] ?? BASE_ERRORS.INTERNAL).exit
}
