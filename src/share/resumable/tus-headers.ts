/** The headers of tus 1.0: https://tus.io/protocols/resumable-upload. Nothing here knows what an upload is. */
import { invalid } from '../fields.ts'
import { ShareError } from '../errors.ts'

export const TUS_VERSION = '1.0.0'
export const TUS_EXTENSIONS =
  'creation,creation-with-upload,creation-defer-length,checksum,concatenation,expiration,termination'
/** What a PATCH has to be, and a creation that brings bytes along. */
export const TUS_CONTENT_TYPE = 'application/offset+octet-stream'

const MAX_METADATA_BYTES = 8192
const METADATA_PAIR = /^([^\s,]+)(?: ([A-Za-z0-9+/]*={0,2}))?$/

type Header = string | string[] | undefined

/** @throws TUS_VERSION unless the client speaks 1.0.0. */
export function requireTusVersion(given: Header): void {
  if (given === TUS_VERSION) return
  const what =
    given === undefined ? 'it has no Tus-Resumable header' : `it says Tus-Resumable: ${JSON.stringify(given)}`
  throw new ShareError('TUS_VERSION', `this request does not speak tus ${TUS_VERSION}: ${what}`, {
    hint: `Send 'Tus-Resumable: ${TUS_VERSION}', or the headers of the IETF draft of resumable uploads.`,
  })
}

/** A header that is a number of bytes. @throws INVALID_REQUEST when it is missing or no whole number. */
export function parseBytesHeader(name: string, given: Header): number {
  const bytes = typeof given === 'string' && /^\d+$/.test(given) ? Number(given) : null
  if (bytes !== null && Number.isSafeInteger(bytes)) return bytes
  throw invalid(name, given === undefined ? 'it is missing' : `${JSON.stringify(given)} is not a whole number of bytes`)
}

/**
 * Upload-Metadata: pairs of a key and a value in base64, `filename d29ybGQ=,is_secret`. A key without a value has an
 * empty one.
 * @throws INVALID_REQUEST when it is malformed, too long, or has a key twice.
 */
export function parseMetadata(given: Header): Map<string, string> {
  const metadata = new Map<string, string>()
  if (given === undefined || given === '') return metadata
  if (given.length > MAX_METADATA_BYTES)
    throw invalid('Upload-Metadata', `it is longer than ${MAX_METADATA_BYTES} bytes`)
  for (const pair of String(given).split(',')) {
    const [, key, value = ''] = METADATA_PAIR.exec(pair.trim()) ?? []
    if (key === undefined)
      throw invalid('Upload-Metadata', `${JSON.stringify(pair)} is not a key and a value in base64`)
    if (metadata.has(key)) throw invalid('Upload-Metadata', `it has the key ${JSON.stringify(key)} twice`)
    metadata.set(key, decode(key, value))
  }
  return metadata
}

/**
 * Upload-Concat: `partial`, or `final;` and the addresses of the parts, absolute or not. Where they are does not
 * matter: their ids cannot be guessed, and whose they are is asked elsewhere.
 * @returns the ids of the parts; null for a partial upload. @throws INVALID_REQUEST
 */
export function parseConcat(given: Header): string[] | null {
  if (given === 'partial') return null
  const [kind, addresses] = String(given).split(';', 2)
  if (kind !== 'final' || !addresses) {
    throw invalid('Upload-Concat', `${JSON.stringify(given)} is neither partial nor final;URL URL ...`)
  }
  const ids = addresses.trim().split(/ +/).map(idOf)
  if (new Set(ids).size < ids.length) throw invalid('Upload-Concat', 'it names a partial upload twice')
  return ids
}

function idOf(address: string): string {
  const id = /(?:^|\/)([A-Za-z0-9]+)$/.exec(address)?.[1]
  if (id === undefined) throw invalid('Upload-Concat', `${JSON.stringify(address)} is not the address of an upload`)
  return id
}

/** Whether the body is a part of an upload: media types have no case and may have parameters. */
export function isPartType(contentType: string | undefined, type: string): boolean {
  return contentType?.split(';')[0]?.trim().toLowerCase() === type
}

/**
 * Upload-Length, or null where Upload-Defer-Length says that it comes later. @throws INVALID_REQUEST when neither is
 * right.
 */
export function parseLength(length: Header, deferLength: Header): number | null {
  if (deferLength === undefined) return parseBytesHeader('Upload-Length', length)
  if (deferLength !== '1') throw invalid('Upload-Defer-Length', `${JSON.stringify(deferLength)} is not 1`)
  if (length !== undefined) throw invalid('Upload-Defer-Length', 'it contradicts Upload-Length: send one of the two')
  return null
}

export function formatMetadata(metadata: ReadonlyMap<string, string>): string {
  return [...metadata].map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`.trim()).join(',')
}

function decode(key: string, value: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'base64'))
  } catch (error) {
    if (error instanceof TypeError) throw invalid('Upload-Metadata', `the value of ${JSON.stringify(key)} is not UTF-8`)
    throw error
  }
}
