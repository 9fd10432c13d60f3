export { startServer } from './server.ts'
export { SERVED_ERRORS } from './error-codes.ts'
export type { ServerErrorCode } from './errors.ts'
