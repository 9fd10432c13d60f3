/** Whether a request says that its body is something other than one whole file. */
import type { IncomingHttpHeaders } from 'node:http'
import { HoldfastError } from '../base/index.ts'
import { invalid } from './fields.ts'

const SEND_PARTS = 'Send the whole file in one request, or in parts by tus: see /api/tus/.'

/** Bodies of these types are envelopes of a file or parts of it, with where to send them. */
const ENVELOPES: readonly { pattern: RegExp; what: string; hint: string }[] = [
  {
    pattern: /^multipart\/form-data\b/i,
    what: 'a form',
    hint: 'Send a form to POST /api/entry, or the bytes of the file alone: curl -T NAME.',
  },
  { pattern: /^multipart\/byteranges\b/i, what: 'ranges of a file', hint: SEND_PARTS },
  { pattern: /^application\/(offset\+octet-stream|partial-upload)\b/i, what: 'a part of a file', hint: SEND_PARTS },
]

/**
 * For every route whose body holds a file.
 * @throws INVALID_REQUEST for a part of a file (RFC 9110 section 14.5, and the IETF's draft of resumable uploads);
 * UNSUPPORTED_TYPE for a body in a content coding, whose bytes are not those of the file.
 */
export function requireWholeFile(headers: IncomingHttpHeaders): void {
  if (headers['content-range'] !== undefined) throw isPart('Content-Range', headers['content-range'])
  if (/^\s*\?0/.test(String(headers['upload-complete'] ?? '')))
    throw isPart('Upload-Complete', headers['upload-complete'])
  if (/^\s*\?1/.test(String(headers['upload-incomplete'] ?? ''))) {
    throw isPart('Upload-Incomplete', headers['upload-incomplete'])
  }
  const offset = headers['upload-offset']
  if (offset !== undefined && offset !== '0') throw isPart('Upload-Offset', offset)
  const coding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (coding !== 'identity' && coding !== '') {
    throw new HoldfastError('UNSUPPORTED_TYPE', `the body has Content-Encoding ${JSON.stringify(coding)}`, {
      hint: 'Send the bytes of the file as they are; a file that is compressed itself needs no Content-Encoding.',
    })
  }
}

/** For a raw body. @throws UNSUPPORTED_TYPE when its type says that it wraps a file. */
export function requireBareFile(headers: IncomingHttpHeaders): void {
  const type = headers['content-type'] ?? ''
  const envelope = ENVELOPES.find(({ pattern }) => pattern.test(type.trim()))
  if (!envelope) return
  throw new HoldfastError('UNSUPPORTED_TYPE', `the body is ${envelope.what} (${type.slice(0, 60)}), not a file`, {
    hint: envelope.hint,
  })
}

function isPart(header: string, value: unknown): HoldfastError {
  const error = invalid(header, `${JSON.stringify(value)} says that the body is only a part of the file`)
  return new HoldfastError(error.code, error.message, { hint: SEND_PARTS, details: error.details })
}
