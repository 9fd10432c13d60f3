/** The errors of the client. */
import { ErrorFamily, type BaseErrorCode, type ErrorTable } from '../base/index.ts'

export const CLIENT_ERRORS = {
  PUBLISH_FAILED: {
    http: 502,
    exit: 69,
    meaning: 'Artifacts could not be brought to a share; the message says what was found there.',
  },
} as const satisfies ErrorTable

/** The codes of this room and of the rooms below it. */
export type ClientErrorCode = keyof typeof CLIENT_ERRORS | BaseErrorCode

export class ClientError extends ErrorFamily<ClientErrorCode> {}
