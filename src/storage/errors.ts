/** The errors of the database, the blobs and the data folder. */
import { ErrorFamily, type ErrorTable, type BaseErrorCode } from '../base/index.ts'

export const STORAGE_ERRORS = {
  TOO_LARGE: { http: 413, exit: 65, meaning: 'The body is larger than allowed.' },
  UPLOAD_INTERRUPTED: { http: 400, exit: 74, meaning: 'The client went away before the upload was whole.' },
  BLOB_DAMAGED: { http: 500, exit: 74, meaning: 'A stored file is missing or its bytes have changed.' },
  DATA_FOLDER_BUSY: { http: 500, exit: 75, meaning: 'Another Holdfast server uses the data folder.' },
  DATA_FOLDER_UNUSABLE: {
    http: 503,
    exit: 74,
    meaning: 'The data folder, or a file in it, cannot be created, read or written.',
  },
} as const satisfies ErrorTable

/** The codes of this room and of the rooms below it. */
export type StorageErrorCode = keyof typeof STORAGE_ERRORS | BaseErrorCode

export class StorageError extends ErrorFamily<StorageErrorCode> {}
