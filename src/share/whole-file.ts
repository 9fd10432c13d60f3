/** Whether a request says that its body is something other than one whole file. */
import type { IncomingHttpHeaders } from 'node:http'
import { HoldfastError } from '../base/index.ts'
import { invalid } from './fields.ts'
import { ShareError, type ShareErrorCode } from './errors.ts'

const SEND_PARTS = 'Send the whole file in one request, or in parts by tus: see /api/tus/.'

/** Headers with the values by which they say that a body is only a part of a file. */
const PARTIAL: Readonly<Record<string, RegExp>> = {
  'Content-Range': /^/,
  'X-Content-Range': /^/,
  'Upload-Complete': /^\s*\?0/,
  'Upload-Incomplete': /^\s*\?1/,
  'Upload-Offset': /^(?!0$)/,
}

/** Headers that name the codings of a body, with the only coding that leaves a file's bytes as they are. */
const CODINGS: Readonly<Record<string, string>> = {
  'Content-Encoding': 'identity',
  // The parser takes chunks apart, and nothing else.
  'Transfer-Encoding': 'chunked',
}

/** Bodies of these types are envelopes of a file or parts of it, with where to send them. */
const ENVELOPES: readonly { pattern: RegExp; what: string; hint: string }[] = [
  {
    pattern: /^multipart\/form-data\b/i,
    what: 'a form',
    hint: 'Send a form to POST /api/entry, or the bytes of the file alone: curl -T NAME.',
  },
  { pattern: /^multipart\/byteranges\b/i, what: 'ranges of a file', hint: SEND_PARTS },
  {
    // A saved web page (.mhtml) has such a type too, but without the boundary of a message under way.
    pattern: /^multipart\/.*;\s*boundary=/i,
    what: 'a message of several parts',
    hint: 'Send the bytes of the file alone: curl -T NAME.',
  },
  { pattern: /^application\/(offset\+octet-stream|partial-upload)\b/i, what: 'a part of a file', hint: SEND_PARTS },
]

/**
 * For every body that holds a file, and for the part of a form that does.
 * @throws INVALID_REQUEST for a part of a file (RFC 9110 section 14.5, and the IETF's draft of resumable uploads);
 * UNSUPPORTED_TYPE for a body in a coding, whose bytes differ from the file's.
 */
export function requireWholeFile(headers: IncomingHttpHeaders): void {
  for (const [header, pattern] of Object.entries(PARTIAL)) {
    const value = headers[header.toLowerCase()]
    if (value !== undefined && pattern.test(String(value))) throw isPart(header, value)
  }
  requireNoCoding(headers)
}

/** For a body that holds a file or a part of one. @throws UNSUPPORTED_TYPE when its bytes differ from the file's. */
export function requireNoCoding(headers: IncomingHttpHeaders): void {
  for (const [header, harmless] of Object.entries(CODINGS)) {
    const coding = String(headers[header.toLowerCase()] ?? '').trim()
    if (coding === '' || coding.toLowerCase() === harmless) continue
    throw new ShareError('UNSUPPORTED_TYPE', `the body has ${header} ${JSON.stringify(coding)}`, {
      hint: `Send the bytes of the file as they are; a file that is compressed itself needs no ${header}.`,
    })
  }
}

/** For a body whose bytes are stored as they are. @throws UNSUPPORTED_TYPE when its type says that it wraps a file. */
export function requireBareFile(headers: IncomingHttpHeaders): void {
  const type = headers['content-type'] ?? ''
  const envelope = ENVELOPES.find(({ pattern }) => pattern.test(type.trim()))
  if (!envelope) return
  throw new ShareError('UNSUPPORTED_TYPE', `the body is ${envelope.what} (${type.slice(0, 60)}), not a file`, {
    hint: envelope.hint,
  })
}

function isPart(header: string, value: unknown): HoldfastError {
  const error = invalid(header, `${JSON.stringify(value)} says that the body is only a part of the file`)
  return new ShareError(error.code as ShareErrorCode, error.message, { hint: SEND_PARTS, details: error.details })
}
