/** Requests and answers of tus 1.0: https://tus.io/protocols/resumable-upload. */
import type { IncomingHttpHeaders } from 'node:http'
import { invalid } from '../fields.ts'
import { parseDigests, parseUploadChecksum } from './checksums.ts'
import type { PartHeaders, Protocol } from './protocol.ts'
import {
  isPartType,
  parseBytesHeader,
  parseConcat,
  parseLength,
  parseMetadata,
  requireTusVersion,
  TUS_CONTENT_TYPE,
  TUS_VERSION,
} from './tus-headers.ts'
import { ShareError } from '../errors.ts'

export const tusProtocol: Protocol = {
  requireVersion(headers) {
    requireTusVersion(headers['tus-resumable'])
  },

  sign: () => ({ 'tus-resumable': TUS_VERSION }),

  announceBy: () => null,

  readCreation(headers) {
    const { 'upload-length': length, 'upload-defer-length': deferLength, 'upload-concat': concat } = headers
    const parts = concat === undefined ? null : parseConcat(concat)
    if (parts && (length !== undefined || deferLength !== undefined)) {
      throw invalid('Upload-Length', 'a final upload is as long as its parts: send none')
    }
    const lengthBytes = parts ? null : parseLength(length, deferLength)
    const hasPart = isPartType(headers['content-type'], TUS_CONTENT_TYPE)
    return {
      lengthBytes,
      isPartial: concat === 'partial',
      parts,
      metadata: parseMetadata(headers['upload-metadata']),
      part: hasPart && !parts ? { offset: 0, lengthBytes, check: checkOf(headers), isLast: null } : null,
    }
  },

  readPart(headers): PartHeaders {
    const { 'content-type': type, 'upload-length': length, 'upload-offset': offset } = headers
    if (!isPartType(type, TUS_CONTENT_TYPE)) {
      throw new ShareError('UNSUPPORTED_TYPE', `a part has Content-Type ${TUS_CONTENT_TYPE}, not ${type ?? 'none'}`)
    }
    return {
      offset: parseBytesHeader('Upload-Offset', offset),
      lengthBytes: length === undefined ? null : parseBytesHeader('Upload-Length', length),
      check: checkOf(headers),
      isLast: null,
    }
  },

  describe(upload) {
    const { offset_bytes: offset, file_id: fileId, expires_at: expiresAt } = upload
    if (fileId !== null) return { 'upload-offset': offset, 'holdfast-file-id': fileId }
    return { 'upload-offset': offset, 'upload-expires': new Date(expiresAt).toUTCString() }
  },

  describeWhole(upload) {
    const { length_bytes: length, metadata, concat } = upload
    return {
      ...(length === null ? { 'upload-defer-length': 1 } : { 'upload-length': length }),
      ...(metadata !== '' && { 'upload-metadata': metadata }),
      ...(concat !== null && { 'upload-concat': concat }),
    }
  },
}

function checkOf(headers: IncomingHttpHeaders) {
  const { 'upload-checksum': checksum, trailer } = headers
  if (trailer && /(^|[\s,])upload-checksum([\s,]|$)/i.test(trailer)) {
    throw invalid('Upload-Checksum', 'it must be a header: as a trailer it is not read')
  }
  return typeof checksum === 'string' ? parseUploadChecksum(checksum) : parseDigests(headers, false)
}
