/**
 * The errors of Holdfast: one class, with a family for each room. A room's `errors.ts` has a table of its stable codes;
 * only the server reads their HTTP status and only the command line their exit code. Absence is `null`, not an error.
 */

/** What docs/reference/errors.md says of a code. */
interface ErrorMeaning {
  /** The HTTP status. */
  http: number
  /** The exit code, of sysexits.h where one fits. */
  exit: number
  meaning: string
}

export type ErrorTable = Readonly<Record<string, ErrorMeaning>>

/** Codes that every room uses. */
export const BASE_ERRORS = {
  INVALID_REQUEST: { http: 400, exit: 65, meaning: 'A request or argument is malformed; the message names the field.' },
  NOT_FOUND: { http: 404, exit: 66, meaning: 'There is no such thing, or no longer.' },
  RANGE_NOT_SATISFIABLE: { http: 416, exit: 65, meaning: 'The requested byte range lies outside the file.' },
  TOO_MANY_ATTEMPTS: { http: 429, exit: 75, meaning: 'Too many wrong secrets; wait as long as Retry-After says.' },
  INTERNAL: { http: 500, exit: 70, meaning: 'A fault of Holdfast; the log has the details under the request id.' },
  NOT_READY: { http: 503, exit: 75, meaning: 'A part that the server needs does not work.' },
  NO_SPACE: { http: 507, exit: 74, meaning: 'The disk has too little free space for what is to be written.' },
  CIRCUIT_OPEN: {
    http: 503,
    exit: 75,
    meaning: 'Something has failed so often in a row that it is left alone for now.',
  },
  FILE_UNUSABLE: {
    http: 500,
    exit: 74,
    meaning: 'A file named on the command line or in a template cannot be read or written.',
  },
  INVALID_CONFIG: { http: 500, exit: 78, meaning: 'The configuration has mistakes; all are listed.' },
} as const satisfies ErrorTable

export type BaseErrorCode = keyof typeof BASE_ERRORS

export interface ErrorOptions {
  /** What the reader can do about it, one sentence. */
  hint?: string
  /** Whether the same call may succeed later. Default false. */
  retryable?: boolean
  cause?: unknown
  /** Facts for programs: field names, limits, seconds to wait. Never a secret. */
  details?: Record<string, unknown>
}

/**
 * A failure that Holdfast understands. The message is for a person and names the thing, what was given, what is
 * allowed.
 */
export abstract class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: string
  readonly hint: string | undefined
  readonly retryable: boolean
  readonly details: Record<string, unknown>

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.retryable = options.retryable ?? false
    this.details = options.details ?? {}
  }
}

/** A room's errors: `class LockError extends ErrorFamily<LockErrorCode> {}` takes the codes of that room only. */
export abstract class ErrorFamily<Code extends string> extends HoldfastError {
  // Narrows the type of the code.
  // oxlint-disable-next-line no-useless-constructor
  constructor(code: Code, message: string, options: ErrorOptions = {}) {
    super(code, message, options)
  }
}

export class BaseError extends ErrorFamily<BaseErrorCode> {}

/** The code of an error of the operating system or of Node (`ENOSPC`, `ERR_...`), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** What an unknown thrown thing says, for a message of our own. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error)
}
