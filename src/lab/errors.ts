/** The errors of the lab. */
import { ErrorFamily, type ErrorTable } from '../base/index.ts'
import type { LockErrorCode } from '../lock/index.ts'

export const LAB_ERRORS = {
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
} as const satisfies ErrorTable

/** The codes of this room and of the rooms below it. */
export type LabErrorCode = keyof typeof LAB_ERRORS | LockErrorCode

export class LabError extends ErrorFamily<LabErrorCode> {}
