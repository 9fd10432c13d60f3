/** The errors of the command line. */
import { ErrorFamily, type ErrorTable } from '../base/index.ts'
import type { ServerErrorCode } from '../server/index.ts'
import type { LabErrorCode } from '../lab/index.ts'

export const CLI_ERRORS = {
  COMMAND_FAILED: { http: 500, exit: 69, meaning: 'A command to be run under a lock could not be started.' },
} as const satisfies ErrorTable

/** The codes of this room and of the rooms below it. */
export type CommandErrorCode = keyof typeof CLI_ERRORS | ServerErrorCode | LabErrorCode

export class CommandError extends ErrorFamily<CommandErrorCode> {}
