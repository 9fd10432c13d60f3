/**
 * The errors of Holdfast: one class, one table of stable codes. A room throws `HoldfastError` with a code of the table;
 * only the server reads its HTTP status and only the command line its exit code. Absence is `null`, not an error.
 */

/**
 * Every code: the HTTP status, the exit code (sysexits.h where one fits) and the meaning, as docs/reference/errors.md
 * has them.
 */
export const ERROR_CODES = {
  INVALID_REQUEST: { http: 400, exit: 65, meaning: 'A request or argument is malformed; the message names the field.' },
  INVALID_ID: { http: 400, exit: 65, meaning: 'An id has the wrong length or characters.' },
  AUTH_REQUIRED: { http: 401, exit: 77, meaning: 'The request needs a session or an API token.' },
  WRONG_SECRET: { http: 401, exit: 77, meaning: 'The shared secret or passphrase is wrong.' },
  GUEST_LINK_INACTIVE: { http: 401, exit: 77, meaning: 'The guest link is expired, disabled or used up.' },
  SCOPE_MISSING: {
    http: 403,
    exit: 77,
    meaning: 'The API token may not do this; the message names the scope it needs.',
  },
  FORBIDDEN_ORIGIN: { http: 403, exit: 77, meaning: 'A browser sent the request from another site.' },
  NOT_FOUND: { http: 404, exit: 66, meaning: 'There is no such thing, or no longer.' },
  METHOD_NOT_ALLOWED: { http: 405, exit: 65, meaning: 'The path exists, but not for this HTTP method.' },
  CONFLICT: { http: 409, exit: 65, meaning: 'The thing is in a state that does not allow this.' },
  UPLOAD_BUSY: { http: 423, exit: 75, meaning: 'Another request is sending the same resumable upload.' },
  DOWNLOADS_USED_UP: { http: 410, exit: 66, meaning: 'The file has reached its download limit.' },
  PRECONDITION_FAILED: {
    http: 412,
    exit: 65,
    meaning: 'The file does not match If-Match or If-Unmodified-Since.',
  },
  TOO_MANY_UPLOADS: {
    http: 429,
    exit: 75,
    meaning: 'The unfinished uploads of a guest link take all that the link allows.',
  },
  FINAL_UPLOAD: {
    http: 403,
    exit: 65,
    meaning: 'The upload is made of partial uploads and takes no bytes of its own.',
  },
  CHECKSUM_MISMATCH: {
    http: 460,
    exit: 65,
    meaning: 'The bytes of a part do not have the `Upload-Checksum` given; the part was thrown away.',
  },
  TUS_VERSION: {
    http: 412,
    exit: 65,
    meaning: 'The request speaks neither tus 1.0.0 (`Tus-Resumable: 1.0.0`) nor a known IETF draft.',
  },
  UNSUPPORTED_TYPE: {
    http: 415,
    exit: 65,
    meaning: 'The route reads no body of this Content-Type.',
  },
  BODY_TOO_SLOW: { http: 408, exit: 74, meaning: 'The body came too slowly, or not in time.' },
  HEADERS_TOO_LARGE: { http: 431, exit: 65, meaning: 'The headers of the request are too large.' },
  TOO_LARGE: { http: 413, exit: 65, meaning: 'The body is larger than allowed.' },
  DIGEST_MISMATCH: { http: 400, exit: 74, meaning: 'The body does not have the digest that was sent along.' },
  RANGE_NOT_SATISFIABLE: { http: 416, exit: 65, meaning: 'The requested byte range lies outside the file.' },
  UPLOAD_INTERRUPTED: { http: 400, exit: 74, meaning: 'The client went away before the upload was whole.' },
  TOO_MANY_ATTEMPTS: { http: 429, exit: 75, meaning: 'Too many wrong secrets; wait as long as Retry-After says.' },
  INTERNAL: { http: 500, exit: 70, meaning: 'A fault of Holdfast; the log has the details under the request id.' },
  DRAINING: { http: 503, exit: 75, meaning: 'The server is shutting down and takes no new work.' },
  NOT_READY: { http: 503, exit: 75, meaning: 'A part that the server needs does not work.' },
  NO_SPACE: { http: 507, exit: 74, meaning: 'The disk has too little free space for what is to be written.' },
  BLOB_DAMAGED: { http: 500, exit: 74, meaning: 'A stored file is missing or its bytes have changed.' },
  DATA_FOLDER_BUSY: { http: 500, exit: 75, meaning: 'Another Holdfast server uses the data folder.' },
  DATA_FOLDER_UNUSABLE: {
    http: 503,
    exit: 74,
    meaning: 'The data folder, or a file in it, cannot be created, read or written.',
  },
  ADDRESS_UNAVAILABLE: { http: 500, exit: 69, meaning: 'The address to listen on is taken or not allowed.' },
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
  LOCK_HELD: { http: 423, exit: 75, meaning: 'Another process holds the lock; the details name the holder.' },
  LOCK_TIMEOUT: { http: 423, exit: 75, meaning: 'The lock did not become free within the wait that was asked for.' },
  LOCK_LOST: {
    http: 409,
    exit: 75,
    meaning: 'The lock expired or was broken, and another process may hold it by now.',
  },
  WRONG_LOCK_ID: { http: 409, exit: 65, meaning: 'The lock is held under another id than the one given.' },
  LOCK_DAMAGED: {
    http: 500,
    exit: 74,
    meaning: 'The record of a lock, or the file of all locks, is not as it was written.',
  },
  LOCKS_REPLACED: {
    http: 503,
    exit: 75,
    meaning: 'The file of all locks was removed or replaced while it was open; open the locks again.',
  },
  STALE_STATE: {
    http: 409,
    exit: 75,
    meaning: 'Another process saved the state since it was loaded; load it again.',
  },
  STATE_DAMAGED: {
    http: 500,
    exit: 74,
    meaning: 'Stored state is not as it was written; the message names what is damaged.',
  },
  STATE_REPLACED: {
    http: 409,
    exit: 75,
    meaning: 'The state was restored from a backup while it was in use; open it again.',
  },
  STATE_TOO_NEW: { http: 500, exit: 78, meaning: 'The state was written by a newer Holdfast than this one.' },
  WRONG_LINEAGE: {
    http: 409,
    exit: 65,
    meaning: 'The document belongs to another state than the one it was given to, or to an earlier serial of it.',
  },
  INVALID_BUILD: {
    http: 400,
    exit: 65,
    meaning: 'A build does not have the form of a build; the message names the field.',
  },
  ILLEGAL_TRANSITION: { http: 409, exit: 65, meaning: 'A build or provisioner cannot go from its status to that one.' },
  NESTING_TOO_DEEP: { http: 400, exit: 65, meaning: 'Metadata is nested deeper than 200 levels.' },
  NO_SUCH_SERIAL: { http: 404, exit: 66, meaning: 'That serial of the state was never saved or is no longer kept.' },
  NO_GOOD_BACKUP: { http: 404, exit: 66, meaning: 'There is no backup of the state that passes verification.' },
  IMPORT_EMPTY: { http: 400, exit: 65, meaning: 'The file to import is empty or holds nothing but white space.' },
  IMPORT_NUL_BYTES: {
    http: 400,
    exit: 65,
    meaning: 'The file to import has NUL bytes, as a crash of its writer leaves them.',
  },
  IMPORT_TRUNCATED: { http: 400, exit: 65, meaning: 'The file to import ends in the middle of its JSON.' },
  IMPORT_INVALID_JSON: { http: 400, exit: 65, meaning: 'The file to import is not JSON; the message names the line.' },
  IMPORT_NOT_A_STATE: {
    http: 400,
    exit: 65,
    meaning: 'The file to import is JSON, but no state; the message says why.',
  },
  BUILD_FAILED: {
    http: 500,
    exit: 1,
    meaning: 'A build failed; the message names its source, its step, its exit status and its log.',
  },
  BUILD_NOT_RESUMABLE: { http: 409, exit: 65, meaning: 'A build cannot go on where it stopped; the message says why.' },
  BUILD_NAME_TAKEN: {
    http: 409,
    exit: 65,
    meaning:
      'A state has a build of that name from another template; the message names both, and --state keeps them apart.',
  },
  ARTIFACT_DAMAGED: { http: 500, exit: 74, meaning: 'A file that a build made is missing or has changed.' },
  COMMAND_FAILED: { http: 500, exit: 69, meaning: 'A command to be run under a lock could not be started.' },
  PACKER_MISSING: {
    http: 500,
    exit: 69,
    meaning: 'HashiCorp Packer is not installed, or is not where it was said to be.',
  },
  PACKER_FAILED: { http: 500, exit: 69, meaning: 'Packer could not be run, or ended without an answer.' },
  TEMPLATE_INVALID: {
    http: 400,
    exit: 65,
    meaning: 'A Packer template has a mistake; the message names file and place.',
  },
  TEMPLATE_UNSUPPORTED: {
    http: 400,
    exit: 65,
    meaning: 'A Packer template uses something that Holdfast cannot follow; the message says what to write instead.',
  },
  SECRET_NOT_HIDABLE: {
    http: 400,
    exit: 65,
    meaning:
      'A sensitive variable or local has a value that cannot be read before the build, or is too short to be hidden in its output.',
  },
  BUILD_NO_SPACE: {
    http: 507,
    exit: 75,
    meaning: 'The disk of the data folder filled up while a build ran. Packer was ended; the next build goes on.',
  },
  LAB_BUSY: {
    http: 500,
    exit: 75,
    meaning: 'Another lab run uses this machine; two at once would measure each other.',
  },
  LAB_RUN_UNUSABLE: { http: 500, exit: 65, meaning: 'A folder or file is not a lab result, or does not fit the plan.' },
  LAB_FOLDER_UNUSABLE: {
    http: 500,
    exit: 74,
    meaning: 'The folder of lab runs cannot be written, or its disk is full.',
  },
  MACHINE_UNAVAILABLE: {
    http: 500,
    exit: 69,
    meaning: 'This kind of lab machine cannot be had here; the message says why.',
  },
  MACHINE_FAILED: { http: 500, exit: 75, meaning: 'A lab machine did not boot, or its shell cannot be reached.' },
  TARGET_UNAVAILABLE: { http: 500, exit: 69, meaning: 'The server under test cannot be found, built or logged in to.' },
  LAYER_FAILED: {
    http: 500,
    exit: 75,
    meaning: "A layer of a machine's disk could not be kept or used; builds go on without.",
  },
  PUBLISH_FAILED: {
    http: 502,
    exit: 69,
    meaning: 'Artifacts could not be brought to a share; the message says what was found there.',
  },
  INVALID_CONFIG: { http: 500, exit: 78, meaning: 'The configuration has mistakes; all are listed.' },
} as const

export type ErrorCode = keyof typeof ERROR_CODES

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
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError'
  readonly code: ErrorCode
  readonly hint: string | undefined
  readonly retryable: boolean
  readonly details: Record<string, unknown>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.hint = options.hint
    this.retryable = options.retryable ?? false
    this.details = options.details ?? {}
  }
}

/** The code of an error of the operating system or of Node (`ENOSPC`, `ERR_...`), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** What an unknown thrown thing says, for a message of our own. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : JSON.stringify(error)
}
