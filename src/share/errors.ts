/** The errors of the file share. */
import { ErrorFamily, type ErrorTable } from '../base/index.ts'
import type { StorageErrorCode } from '../storage/index.ts'

export const SHARE_ERRORS = {
  INVALID_ID: { http: 400, exit: 65, meaning: 'An id has the wrong length or characters.' },
  AUTH_REQUIRED: { http: 401, exit: 77, meaning: 'The request needs a session or an API token.' },
  WRONG_SECRET: { http: 401, exit: 77, meaning: 'The shared secret or passphrase is wrong.' },
  GUEST_LINK_INACTIVE: { http: 401, exit: 77, meaning: 'The guest link is expired, disabled or used up.' },
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
  DIGEST_MISMATCH: { http: 400, exit: 74, meaning: 'The body does not have the digest that was sent along.' },
} as const satisfies ErrorTable

/** The codes of this room and of the rooms below it. */
export type ShareErrorCode = keyof typeof SHARE_ERRORS | StorageErrorCode

export class ShareError extends ErrorFamily<ShareErrorCode> {}
