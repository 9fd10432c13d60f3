/** The errors of states. */
import { ErrorFamily, type ErrorOptions, type ErrorTable } from '../base/index.ts'
import type { LockErrorCode } from '../lock/index.ts'

export const STATE_ERRORS = {
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
} as const satisfies ErrorTable

/** The codes of this room and of the rooms below it. */
export type StateErrorCode = keyof typeof STATE_ERRORS | LockErrorCode

export class StateError extends ErrorFamily<StateErrorCode> {}

/** STALE_STATE: the state has moved on since it was loaded. Nothing was saved; load again, apply the change again. */
export class StaleStateError extends StateError {
  constructor(base: number, current: number) {
    super('STALE_STATE', `the state was loaded at serial ${base}, but is at serial ${current} by now`, {
      hint: 'Load the state again and apply the change to it; update() does so by itself.',
      retryable: true,
      details: { base, current },
    })
  }
}

/** STATE_DAMAGED: the stored bytes are not the written ones. They are left as they are. */
export class StateDamagedError extends StateError {
  constructor(path: string, damage: string, options: ErrorOptions = {}) {
    super('STATE_DAMAGED', `the state in ${path} is damaged: ${damage}`, {
      hint: 'See all of it with: holdfast state verify. Go back to the newest good backup with: holdfast state restore',
      ...options,
    })
  }
}

export function noSuchSerial(serial: number, newest: number): StateError {
  return new StateError('NO_SUCH_SERIAL', `the state at serial ${serial} is not kept`, {
    hint: `The newest serial is ${newest}; see which are kept with: holdfast state history`,
  })
}
