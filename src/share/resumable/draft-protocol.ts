/**
 * Requests and answers of the IETF draft of resumable uploads: draft-ietf-httpbis-resumable-upload, from its third
 * version.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { parse } from 'content-disposition'
import { invalid } from '../fields.ts'
import { parseDigests } from './checksums.ts'
import type { Protocol } from './protocol.ts'
import { isPartType, parseBytesHeader, parseMetadata } from './tus-headers.ts'
import { ShareError } from '../errors.ts'

export const DRAFT_CONTENT_TYPE = 'application/partial-upload'
/** Of the drafts that have Upload-Complete; a client of the final text sends none. */
const VERSIONS = ['4', '5', '6', '7', '8']

const UPLOAD_RESUMPTION_SUPPORTED = 104

export const draftProtocol: Protocol = {
  requireVersion(headers) {
    const version = headers['upload-draft-interop-version']
    const isKnown = version === undefined || VERSIONS.includes(String(version))
    if (isKnown && headers['upload-incomplete'] === undefined) return
    const what = isKnown ? 'Upload-Incomplete' : `Upload-Draft-Interop-Version: ${JSON.stringify(version)}`
    throw new ShareError('TUS_VERSION', `the version of the IETF draft that has ${what} is not known here`, {
      hint: `Send 'Upload-Draft-Interop-Version' ${VERSIONS.join(', ')} with Upload-Complete, or speak tus 1.0.0.`,
    })
  },

  sign(headers): Record<string, string> {
    const version = headers['upload-draft-interop-version']
    return version === undefined ? {} : { 'upload-draft-interop-version': String(version) }
  },

  announceBy(headers) {
    const version = headers['upload-draft-interop-version']
    if (version === undefined) return null
    return { status: UPLOAD_RESUMPTION_SUPPORTED, headers: { 'upload-draft-interop-version': String(version) } }
  },

  readCreation(headers) {
    const isLast = parseComplete(headers)
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
    const lengthBytes = lengthOf(headers, 0, isLast && !hasBody)
    const part = { offset: 0, lengthBytes, check: parseDigests(headers, isLast), isLast }
    return {
      lengthBytes,
      isPartial: false,
      parts: null,
      metadata: metadataOf(headers),
      part: hasBody ? part : null,
    }
  },

  readPart(headers) {
    const offset = parseBytesHeader('Upload-Offset', headers['upload-offset'])
    const isLast = parseComplete(headers)
    return { offset, lengthBytes: lengthOf(headers, offset, false), check: parseDigests(headers, false), isLast }
  },

  describe(upload) {
    const isFile = upload.file_id !== null
    return {
      'upload-offset': upload.offset_bytes,
      'upload-complete': isFile ? '?1' : '?0',
      ...(upload.max_bytes !== null && { 'upload-limit': `max-size=${upload.max_bytes}` }),
      ...(upload.file_id !== null && { 'holdfast-file-id': upload.file_id }),
    }
  },

  describeWhole(upload): Record<string, string | number> {
    return upload.length_bytes === null ? {} : { 'upload-length': upload.length_bytes }
  },
}

function parseComplete(headers: IncomingHttpHeaders): boolean {
  const given = headers['upload-complete']
  if (given === '?1') return true
  if (given === '?0') return false
  throw invalid('Upload-Complete', given === undefined ? 'it is missing' : `${JSON.stringify(given)} is not ?1 or ?0`)
}

/** As the client tells it; a last part that comes with its own length tells it too. */
function lengthOf(headers: IncomingHttpHeaders, offset: number, isEmpty: boolean): number | null {
  const { 'upload-length': told, 'content-length': length, 'upload-complete': complete } = headers
  if (told !== undefined) return parseBytesHeader('Upload-Length', told)
  if (isEmpty) return 0
  return complete === '?1' && length !== undefined ? offset + parseBytesHeader('Content-Length', length) : null
}

/** Upload-Metadata as in tus, which tus-js-client sends here too; else Content-Disposition and Content-Type say it. */
function metadataOf(headers: IncomingHttpHeaders): Map<string, string> {
  const metadata = parseMetadata(headers['upload-metadata'])
  const { filename } = parse(headers['content-disposition'] ?? '').parameters
  if (filename !== undefined && !metadata.has('filename')) metadata.set('filename', filename)
  const type = headers['content-type']
  if (type !== undefined && !isPartType(type, DRAFT_CONTENT_TYPE) && !metadata.has('filetype'))
    metadata.set('filetype', type)
  return metadata
}
