export { HoldfastClient, type ClientOptions, type StoredFile } from './holdfast-client.ts'
export type { LocalFile } from './tus-client.ts'
export type { UploadOptions } from './upload.ts'
export { CLIENT_ERRORS, type ClientErrorCode } from './errors.ts'
