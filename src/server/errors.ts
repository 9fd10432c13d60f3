/** The errors of the HTTP server. */
import { ErrorFamily, type ErrorTable } from '../base/index.ts'
import type { ShareErrorCode } from '../share/index.ts'
import type { BuildErrorCode } from '../builds/routes/index.ts'

export const SERVER_ERRORS = {
  SCOPE_MISSING: {
    http: 403,
    exit: 77,
    meaning: 'The API token may not do this; the message names the scope it needs.',
  },
  FORBIDDEN_ORIGIN: { http: 403, exit: 77, meaning: 'A browser sent the request from another site.' },
  METHOD_NOT_ALLOWED: { http: 405, exit: 65, meaning: 'The path exists, but not for this HTTP method.' },
  BODY_TOO_SLOW: { http: 408, exit: 74, meaning: 'The body came too slowly, or not in time.' },
  HEADERS_TOO_LARGE: { http: 431, exit: 65, meaning: 'The headers of the request are too large.' },
  DRAINING: { http: 503, exit: 75, meaning: 'The server is shutting down and takes no new work.' },
  ADDRESS_UNAVAILABLE: { http: 500, exit: 69, meaning: 'The address to listen on is taken or not allowed.' },
} as const satisfies ErrorTable

/** The codes of this room and of the rooms below it. */
export type ServerErrorCode = keyof typeof SERVER_ERRORS | ShareErrorCode | BuildErrorCode

export class ServerError extends ErrorFamily<ServerErrorCode> {}
